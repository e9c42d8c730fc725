package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"stoker/internal/errs"
)

// FormatVersion is the version of the format that this package writes, and the
// highest that it reads.
const FormatVersion = 1

const (
	formatName   = "stoker-dataset"
	manifestName = "manifest.json"
	indexName    = "index.arrow"
	ledgerName   = "ledger.jsonl"

	// maxManifest bounds the memory that a hostile manifest can ask for; one
	// shard of 512 MiB takes about 90 bytes of it, one class name about 15.
	maxManifest = 256 << 20
)

// Manifest says what a dataset consists of. docs/formats/dataset.md explains the
// members. It is never changed after Open; callers must not either.
type Manifest struct {
	Format      string          `json:"format"`
	Version     int             `json:"version"`
	CreatedBy   string          `json:"created_by"`
	Samples     int64           `json:"samples"`
	Fingerprint string          `json:"fingerprint"`
	Kind        string          `json:"kind"`
	Classes     []string        `json:"classes"`
	Fields      []Field         `json:"fields"` // the key, then the further fields
	Index       FileInfo        `json:"index"`
	Shards      []FileInfo      `json:"shards"`
	Options     json.RawMessage `json:"options,omitempty"`
	Bad         int64           `json:"bad"` // lines of the ledger

	Entropy  *Entropy  `json:"entropy,omitempty"`  // of kind "images", where they were built
	Sequence *Sequence `json:"sequence,omitempty"` // of kind "sequences"
	Tokens   *Tokens   `json:"tokens,omitempty"`   // where the sequences are token ids

	// Repeated says that the index repeats the shards' rows until it has Samples
	// rows: row i is row i mod the number of rows in the shards. See Repeat.
	Repeated bool `json:"repeated,omitempty"`
}

// FileInfo describes one file of a dataset.
type FileInfo struct {
	File  string   `json:"file"`
	Rows  int64    `json:"rows,omitempty"` // of a shard
	Bytes int64    `json:"bytes"`
	CRC   Checksum `json:"crc32c"`
}

// Checksum is a CRC-32C (Castagnoli), in JSON eight hexadecimal digits.
type Checksum uint32

func (c Checksum) String() string { return fmt.Sprintf("%08x", uint32(c)) }

// MarshalText writes the digits.
func (c Checksum) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the digits.
func (c *Checksum) UnmarshalText(b []byte) error {
	v, err := strconv.ParseUint(string(b), 16, 32)
	*c = Checksum(v)
	return err
}

// Further returns the fields that came from a labels file.
func (m *Manifest) Further() []Field {
	if len(m.Fields) == 0 {
		return nil
	}
	return m.Fields[1:]
}

// Bytes returns the size of all files that the manifest names.
func (m *Manifest) Bytes() int64 {
	n := m.Index.Bytes
	for _, s := range m.Shards {
		n += s.Bytes
	}
	if m.Entropy != nil {
		for _, f := range m.Entropy.Files {
			n += f.Bytes
		}
	}
	return n
}

func (m *Manifest) layout() (*layout, error) { return newLayout(m.Kind, m.Sequence, m.Further()) }

// shardRows returns the number of rows in all shards; the manifest was checked
// against overflow.
func (m *Manifest) shardRows() int64 {
	var n int64
	for _, s := range m.Shards {
		n += s.Rows
	}
	return n
}

// ReadManifest reads and checks the manifest of the dataset in dir, not its
// other files.
func ReadManifest(dir string) (*Manifest, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, missing(dir, err)
	}
	defer root.Close() //nolint:errcheck // only read
	return readManifest(root)
}

func readManifest(root *os.Root) (*Manifest, error) {
	dir := root.Name()
	path := filepath.Join(dir, manifestName)
	f, err := root.Open(manifestName)
	if err != nil {
		return nil, missing(dir, err)
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return nil, ioError(err, path)
	}
	if len(data) > maxManifest {
		return nil, errs.New(errs.Corrupt, "the manifest has more than %d bytes, more than any dataset needs", maxManifest).At(path)
	}
	m, err := parseManifest(data)
	if err != nil {
		return nil, place(err, path)
	}
	return m, nil
}

// missing explains why a dataset cannot be found.
func missing(dir string, err error) error {
	if info, e := os.Stat(dir); e == nil && !info.IsDir() {
		return errs.New(errs.Invalid, "a file, not a dataset").At(dir).
			WithHint("a dataset is a folder; `stoker pack SRC -o NAME.stk` makes one")
	}
	if !os.IsNotExist(err) && !errors.Is(err, syscall.ENOTDIR) {
		return ioError(err, dir)
	}
	if _, e := os.Stat(dir + partialSuffix); e == nil {
		return errs.New(errs.NotFound, "the dataset is not finished: only %s exists", filepath.Base(dir)+partialSuffix).At(dir).
			WithHint("run the same `stoker pack` command again; it continues where it stopped")
	}
	if _, e := os.Stat(dir); e == nil {
		return errs.New(errs.NotFound, "not a dataset: there is no %s in it", manifestName).At(dir).
			WithHint("`stoker pack SRC -o NAME.stk` makes one from a folder of pictures")
	}
	return errs.New(errs.NotFound, "no such dataset").At(dir).WithHint("%s", instead(dir))
}

// lookedAt bounds how many names beside a missing dataset are looked at.
const lookedAt = 1000

// instead says what the user may have meant by the path of a dataset that is not
// there.
func instead(dir string) string {
	const pack = "`stoker pack PICTURES -o %s` makes it from a folder of pictures"
	parent, name := filepath.Dir(dir), filepath.Base(dir)
	stem := func(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) } // .stk is no likeness
	f, err := os.Open(parent)
	if err != nil {
		return fmt.Sprintf("there is no folder %s either; "+pack, parent, dir)
	}
	defer f.Close() //nolint:errcheck // only read
	entries, _ := f.ReadDir(lookedAt)
	var datasets, stems []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(parent, e.Name(), manifestName)); err == nil {
			datasets, stems = append(datasets, e.Name()), append(stems, stem(e.Name()))
		}
	}
	if near := errs.Nearest(stem(name), stems); near != "" {
		return "did you mean " + filepath.Join(parent, datasets[slices.Index(stems, near)]) + "?"
	}
	if len(datasets) > 0 {
		slices.Sort(datasets)
		return fmt.Sprintf("there is %s; "+pack, strings.Join(datasets[:min(len(datasets), 5)], ", "), dir)
	}
	return fmt.Sprintf(pack, dir)
}

func parseManifest(data []byte) (*Manifest, error) {
	// The version comes first: a later one may have any shape.
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, unreadable(err)
	}
	if head.Format != formatName {
		return nil, errs.New(errs.Corrupt, "the manifest's format is %q, want %q", head.Format, formatName)
	}
	if head.Version > FormatVersion {
		return nil, errs.New(errs.Unsupported, "the dataset has format version %d, this Stoker reads up to %d", head.Version, FormatVersion).
			WithHint("install a newer Stoker")
	}
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, unreadable(err)
	}
	return m, m.check()
}

func unreadable(err error) error {
	return errs.New(errs.Corrupt, "the manifest is not what JSON and the format allow: %w", err).
		WithHint("fetch it from another copy of the dataset, or pack it again")
}

// check refuses what no writer makes, so that the rest of the package can rely
// on it: names that leave the folder, negative or overflowing counts.
func (m *Manifest) check() error {
	if m.Version < 1 || m.Samples < 0 || m.Bad < 0 || m.Index.Bytes < 0 || len(m.Fields) == 0 || m.Fields[0].Name != "key" || m.Fields[0].Type != Utf8 {
		return errs.New(errs.Corrupt, "the manifest lacks or misstates version, samples, index or fields")
	}
	if _, err := m.layout(); err != nil {
		return errs.New(errs.Corrupt, "the manifest: %w", err)
	}
	if t := m.Tokens; t != nil && (t.Vocabulary < 0 || t.Bytes < 0 || t.File != "" && !plainName(t.File)) {
		return errs.New(errs.Corrupt, "the manifest misstates the vocabulary or names the file %q, which is no plain name", t.File)
	}
	if err := m.Entropy.check(m.Shards); err != nil {
		return err
	}
	rows := int64(0)
	for _, f := range append([]FileInfo{m.Index}, m.Shards...) {
		if !plainName(f.File) {
			return errs.New(errs.Corrupt, "the manifest names the file %q, which is no plain name", f.File)
		}
		if f.Bytes < 0 || f.Rows < 0 || f.Rows > math.MaxInt64-rows {
			return errs.New(errs.Corrupt, "the manifest gives %s %d bytes and %d rows", f.File, f.Bytes, f.Rows)
		}
		rows += f.Rows
	}
	if rows != m.Samples && (!m.Repeated || rows == 0 || rows > m.Samples) {
		return errs.New(errs.Corrupt, "the manifest counts %d samples, its shards %d", m.Samples, rows)
	}
	return nil
}

// plainName reports whether a file name stays in its folder and can be printed.
func plainName(name string) bool {
	return filepath.IsLocal(name) && name != "." && !strings.ContainsAny(name, `/\`) &&
		!strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) })
}

func (m *Manifest) encode() ([]byte, error) {
	data, err := json.MarshalIndent(m, "", " ")
	return append(data, '\n'), err
}
