// Package dataprint tells whether two runs read the same data, wherever it lies on
// their machines, without reading it.
package dataprint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"stoker/internal/dataset"
)

// The kinds of fingerprints: those of different kinds say nothing about each
// other, since a dataset may be packed from the very files.
const (
	Dataset = "stoker" // of a packed dataset: its own fingerprint
	Files   = "files"  // of a file or folder: names below it, and sizes
)

// mostFiles bounds the files that are looked at; a folder of more has no
// fingerprint.
const mostFiles = 500_000

// Of returns the fingerprint of the data at path, "KIND:DIGITS", or "" where there
// is nothing, where it is not a path, or where ctx ends before all files were
// seen. Names and sizes are compared, not contents: a file that was changed in
// place is seen where it became longer or shorter.
func Of(ctx context.Context, path string) string {
	if !filepath.IsAbs(path) {
		return ""
	}
	if m, err := dataset.ReadManifest(path); err == nil {
		return Dataset + ":" + m.Fingerprint
	}
	l := listing{ctx: ctx, root: path, sum: sha256.New()}
	if err := filepath.WalkDir(path, l.see); err != nil || l.files == 0 {
		return ""
	}
	return Files + ":" + hex.EncodeToString(l.sum.Sum(nil)[:12])
}

// Kind returns the kind of a fingerprint.
func Kind(fingerprint string) string {
	kind, _, _ := strings.Cut(fingerprint, ":")
	return kind
}

// listing sums up a walk, which is in the order of names.
type listing struct {
	ctx   context.Context
	root  string
	sum   hash.Hash
	files int
}

var errTooMany = errors.New("more files than are looked at")

func (l *listing) see(path string, e fs.DirEntry, err error) error {
	if err != nil || l.ctx.Err() != nil {
		return errors.Join(err, l.ctx.Err())
	}
	if path != l.root && strings.HasPrefix(e.Name(), ".") { // caches, and what desktops leave
		if e.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	if e.IsDir() {
		return nil
	}
	info, err := os.Stat(path) // of what a link leads to
	if err != nil || !info.Mode().IsRegular() {
		return nil //nolint:nilerr // a link to nowhere is no data
	}
	if l.files++; l.files > mostFiles {
		return errTooMany
	}
	name, err := filepath.Rel(l.root, path) // "." for a single file, whatever its name
	fmt.Fprintf(l.sum, "%q %d\n", filepath.ToSlash(name), info.Size())
	return err
}
