# Runs a command on a terminal of its own at which nobody sits, and ends as it did; says what was on the screen if it
# failed, and kills it if it is not done in 60 s.
import os, pty, signal, sys

child, screen = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
signal.alarm(60)
shown = b""
try:
    while more := os.read(screen, 4096):
        shown += more
except OSError:  # what Linux says once the other side is closed
    pass
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
if status:
    sys.exit(f"{sys.argv[1]} ended with {status}, having shown:\n{shown.decode(errors='replace')}")
