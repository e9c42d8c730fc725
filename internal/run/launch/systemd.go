package launch

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Logout says what systemd does to a user's processes when the user logs out.
type Logout struct {
	Kills   bool     // it kills what belongs to the session
	Lingers bool     // but not what belongs to the user's service manager
	Prefix  []string // command prefix that moves there, or nil
}

// CheckLogout finds out, quickly, whether a logout would kill the run, and how
// to escape: a scope of the user's own service manager.
func CheckLogout(ctx context.Context) Logout {
	if os.Getenv("XDG_SESSION_ID") == "" || !exists("/run/systemd/system") {
		return Logout{} // not a login session of systemd: nothing ends with it
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second) // a run does not wait for a service that hangs
	defer cancel()
	var l Logout
	l.Kills, l.Lingers = killUserProcesses(ctx), lingers(ctx)
	if l.Kills && exists(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "systemd/private")) {
		if path, err := exec.LookPath("systemd-run"); err == nil {
			l.Prefix = []string{path, "--user", "--scope", "--quiet", "--collect"}
		}
	}
	return l
}

func killUserProcesses(ctx context.Context) bool {
	return property(ctx, "loginctl", "show", "--property=KillUserProcesses") == "yes"
}

// lingers reports whether the user's service manager, and with it a scope, stays
// after the last logout.
func lingers(ctx context.Context) bool {
	return property(ctx, "loginctl", "show-user", "--property=Linger", strconv.Itoa(os.Getuid())) == "yes"
}

// property asks a tool for one "Name=value" line.
func property(ctx context.Context, argv ...string) string {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	if err != nil {
		return ""
	}
	_, value, _ := strings.Cut(strings.TrimSpace(string(out)), "=")
	return value
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Warning is what the user must know before the run starts; "" if nothing.
func (l Logout) Warning() string {
	switch {
	case !l.Kills, l.Prefix != nil && l.Lingers:
		return ""
	case l.Prefix != nil:
		return "this system ends a user's processes at the last logout; to let runs go on: loginctl enable-linger"
	}
	return "this system kills a user's processes at logout (KillUserProcesses=yes) and has no user service manager to move the run to: " +
		"it will end when you log out"
}
