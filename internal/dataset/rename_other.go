//go:build !linux

package dataset

import "os"

// exchange has no portable form.
func exchange(_, _ string) error { return errNoExchange }

// renameNew renames a directory; onto a folder that is not empty it fails.
func renameNew(from, to string) error { return os.Rename(from, to) }
