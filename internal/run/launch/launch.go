// Package launch starts the runner's own processes: supervisor and holder are
// this same binary, each in a session of its own, with no tie to the terminal
// that they are started from.
package launch

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"stoker/internal/errs"
	"stoker/internal/run/rundir"
)

// Hidden commands of the binary.
const (
	SupervisorCommand = "run-supervisor"
	HolderCommand     = "run-holder"
)

// readyFD is the descriptor on which a started process reports: one line, "ok"
// or what went wrong.
const readyFD = 3

// self is this binary, also after a newer one took its place on disk.
func self() string {
	if _, err := os.Stat("/proc/self/exe"); err == nil {
		return "/proc/self/exe"
	}
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// Supervisor starts the run's supervisor and waits until clients can connect.
// prefix is put before the command (a systemd scope), or nil.
func Supervisor(d rundir.Dir, revived bool, prefix []string) error {
	args := []string{SupervisorCommand, string(d)}
	if revived {
		args = append(args, "--revived")
	}
	return start(d, prefix, args)
}

// Holder starts the run's holder and waits until a supervisor can connect.
func Holder(d rundir.Dir) error { return start(d, nil, []string{HolderCommand, string(d)}) }

func start(d rundir.Dir, prefix, args []string) error {
	messages, err := os.OpenFile(d.Errors(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return errs.New(errs.Permission, "start %s: %w", args[0], err).At(string(d))
	}
	defer messages.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return errs.New(errs.Exhausted, "start %s: %w", args[0], err)
	}
	defer r.Close()
	argv := append([]string{self()}, args...)
	if len(prefix) > 0 {
		path, err := os.Executable() // the prefix's own /proc/self/exe is another
		if err != nil {
			return errs.New(errs.Internal, "start %s: %w", args[0], err)
		}
		argv[0] = path
		argv = append(append([]string(nil), prefix...), argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = messages, messages
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return errs.New(errs.Internal, "start %s: %w", args[0], err)
	}
	go func() { _ = cmd.Wait() }() // no zombie while this process lives
	line, _ := bufio.NewReader(r).ReadString('\n')
	switch line = strings.TrimSpace(line); line {
	case "ok":
		return nil
	case "":
		return errs.New(errs.Internal, "%s ended at once", args[0]).At(string(d)).WithHint("see %s", d.Errors())
	default:
		return errs.New(errs.Internal, "%s: %s", args[0], line)
	}
}

// Ready reports to the process that started this one: err nil means that this
// one can be connected to. Later calls do nothing.
func Ready(err error) {
	w := os.NewFile(readyFD, "ready")
	if w == nil {
		return
	}
	text := "ok"
	if err != nil {
		text = strings.ReplaceAll(err.Error(), "\n", " ")
	}
	_, _ = w.WriteString(text + "\n")
	w.Close()
}
