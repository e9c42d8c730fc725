package notify

import (
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"stoker/internal/errs"
)

// variables with this prefix hold service addresses, separated by white space.
// They carry secrets: they are not passed on to the run's command.
const prefix = "STOKER_NOTIFY_"

// Config is where messages go.
type Config struct {
	URLs    []string // service addresses as shoutrrr writes them: ntfy://..., slack://..., smtp://...
	Desktop bool     // also to this machine's desktop
}

// Load collects addresses from STOKER_NOTIFY_* and from the file
// $XDG_CONFIG_HOME/stoker/notify, one to a line. A file that others may read is
// refused: errs.Permission.
func Load(environ []string) (Config, error) {
	var c Config
	sort.Strings(environ)
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		switch {
		case name == "DISPLAY" || name == "WAYLAND_DISPLAY":
			c.Desktop = c.Desktop || value != ""
		case strings.HasPrefix(name, prefix):
			c.URLs = append(c.URLs, strings.Fields(value)...)
		}
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return c, nil //nolint:nilerr // no home, no file
	}
	path := filepath.Join(dir, "stoker", "notify")
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, errs.New(errs.Permission, "read notification addresses: %w", err).At(path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return c, errs.New(errs.Permission, "others may read this file of secrets; it is not used").At(path).
			WithHint("chmod 600 %s", path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return c, errs.New(errs.Permission, "read notification addresses: %w", err).At(path)
	}
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			c.URLs = append(c.URLs, line)
		}
	}
	return c, nil
}
