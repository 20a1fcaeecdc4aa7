"""Runs classic BPF programs (the instructions that capture filters have), one at a time."""


def accepted(program, packet):
    """Return how many bytes the program accepts; 0 if it refuses the packet."""
    at = accumulator = index = 0
    while True:
        code, true, false, operand = program[at]
        at += 1
        size = {0x20: 4, 0x28: 2, 0x30: 1, 0x48: 2, 0xB1: 1}.get(code)
        if code == 0x48:
            operand += index
        if code == 0xB1:
            if operand + 1 > len(packet):
                return 0
            index = 4 * (packet[operand] & 15)
        elif size:
            if operand + size > len(packet):
                return 0  # "a load beyond the packet ends the program with 0"
            accumulator = int.from_bytes(packet[operand : operand + size], "big")
        elif code == 0x54:
            accumulator &= operand
        elif code == 0x45:
            at += true if accumulator & operand else false
        elif code == 0x15:
            at += true if accumulator == operand else false
        elif code == 0x06:
            return operand
        else:
            raise AssertionError(f"instruction {code:#x}")
