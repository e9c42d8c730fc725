package account

import (
	"encoding/json"
	"os"
	"path/filepath"

	"stoker/internal/errs"
	"stoker/internal/run/rundir"
)

// Save writes the account of a run to path (rundir.Dir.Account()), whole or not at
// all, and makes its directory.
func (a *Account) Save(path string) error {
	raw, err := json.Marshal(a)
	if err != nil {
		return errs.New(errs.Internal, "account: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return errs.New(errs.Permission, "account: %w", err).At(path)
	}
	return rundir.Replace(path, raw)
}

// Load returns the account that Save wrote last; nil where there is none, or none
// that tells anything.
func Load(path string) *Account {
	const most = 1 << 20
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var a Account
	if json.Unmarshal(raw, &a) != nil || a.Seconds <= 0 {
		return nil
	}
	return &a
}
