"""Windows: what is left, and for how long nothing was."""

from analyzer.columns import NULL
from analyzer.http._row_accounts import WINDOW, Account
from analyzer.http.http2.flow import MOST_WINDOW, Windows


def test_a_window_is_used_and_opened():
    account = Account(None)
    windows = Windows(account, (100, 200))
    assert windows.use(0, 60, 1000)
    assert account.counted[:, WINDOW].tolist() == [40, 200]
    assert windows.use(0, 40, 2000)
    assert not windows.use(0, 1, 2500)
    assert windows.open(0, 1, 3000) == 0  # 0 bytes are left: still used up
    assert windows.open(0, 10, 5000) == 3000
    assert windows.open(0, 10, 9000) == 0
    assert account.counted[:, WINDOW].tolist() == [20, 200]


def test_numbers_stay_in_range():
    windows = Windows(Account(None), (0, 0))
    for _ in range(3):
        windows.open(1, MOST_WINDOW, 0)
        windows.use(0, MOST_WINDOW, 0)
    assert windows.use(1, MOST_WINDOW, 0)
    assert not windows.use(1, 1, 0)


def test_times_that_are_not_known():
    windows = Windows(Account(None), (5, 5))
    windows.use(0, 5, 1000)
    assert windows.open(0, 5, NULL) == 0
