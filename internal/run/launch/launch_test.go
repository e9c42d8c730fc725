package launch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoker/internal/run/rundir"
)

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		l    Logout
		want string
	}{
		{Logout{}, ""},
		{Logout{Kills: true, Lingers: true, Prefix: []string{"systemd-run"}}, ""},
		{Logout{Kills: true, Prefix: []string{"systemd-run"}}, "enable-linger"},
		{Logout{Kills: true}, "it will end when you log out"},
	} {
		if got := c.l.Warning(); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q", c.l, got)
		}
	}
}

func TestProperty(t *testing.T) {
	dir := t.TempDir()
	tool := filepath.Join(dir, "loginctl")
	if err := os.WriteFile(tool, []byte("#!/bin/sh\necho KillUserProcesses=yes\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := property(t.Context(), tool, "show"); got != "yes" {
		t.Error(got)
	}
	if got := property(t.Context(), filepath.Join(dir, "none")); got != "" {
		t.Error(got)
	}
}

// TestAProcessThatEndsAtOnce: this test binary knows no hidden commands.
func TestAProcessThatEndsAtOnce(t *testing.T) {
	d := rundir.Dir(t.TempDir())
	if err := start(d, nil, []string{"-test.run=^$"}); err == nil || !strings.Contains(err.Error(), "ended at once") {
		t.Error(err)
	}
}
