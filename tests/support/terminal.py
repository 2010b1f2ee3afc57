"""Runs a command on a pseudo-terminal of its own, for tests: python3 terminal.py COLUMNS ROWS COMMAND...

What the command prints goes to standard output as it is. Standard input takes lines of JSON: {"type": "text"} is typed,
{"size": [columns, rows]} resizes the terminal. Ends with the command's exit code.
"""
import fcntl, json, os, pty, select, struct, sys, termios


def resize(terminal, columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def obey(terminal, line):
    order = json.loads(line)
    if "type" in order:
        os.write(terminal, order["type"].encode())
    if "size" in order:
        resize(terminal, *order["size"])


def main():
    columns, rows, *command = sys.argv[1:]
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    resize(terminal, int(columns), int(rows))
    orders, inputs = b"", [terminal, 0]
    while terminal in inputs:
        ready, _, _ = select.select(inputs, [], [])
        if 0 in ready:
            data = os.read(0, 65536)
            orders += data
            if not data:
                inputs.remove(0)
            *lines, orders = orders.split(b"\n")
            for line in lines:
                obey(terminal, line)
        if terminal in ready:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # Linux says so where the command has ended
                data = b""
            if not data:
                inputs.remove(terminal)
            os.write(1, data)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)


main()
