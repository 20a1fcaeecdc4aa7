"""The words of `analyzer.wording`, under the name by which the reports use them.

They moved down since the sentences of diagnosis, which reports only show, need them as well.
"""

from analyzer.wording import address as address
from analyzer.wording import clock as clock
from analyzer.wording import duration as duration
from analyzer.wording import moment as moment
from analyzer.wording import number as number
from analyzer.wording import plural as plural
from analyzer.wording import printable as printable
from analyzer.wording import share as share
from analyzer.wording import size as size
from analyzer.wording import timestamp as timestamp
