"""Runs classic BPF programs (the instructions that capture filters have), one at a time."""


def accepted(program, packet):
    """Return how many bytes the program accepts; 0 if it refuses the packet."""
    at = accumulator = index = 0
    while True:
        code, true, false, operand = program[at]
        at += 1
        size = {0x20: 4, 0x28: 2, 0x30: 1, 0x40: 4, 0x48: 2, 0x50: 1}.get(code)
        if size:
            place = operand + (index if code & 0xE0 == 0x40 else 0)
            if place + size > len(packet):
                return 0  # "a load beyond the packet ends the program with 0"
            accumulator = int.from_bytes(packet[place : place + size], "big")
        elif code == 0xB1:  # ldxb 4 * ([k] & 15)
            if operand >= len(packet):
                return 0
            index = 4 * (packet[operand] & 15)
        elif code == 0x54:
            accumulator &= operand
        elif code == 0x05:
            at += operand
        elif code == 0x15:
            at += true if accumulator == operand else false
        elif code == 0x45:
            at += true if accumulator & operand else false
        elif code == 0x06:
            return operand
        else:
            raise AssertionError(f"instruction {code:#x}")
