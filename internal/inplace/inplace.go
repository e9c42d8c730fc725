// Package inplace reads pictures from where they are: a Folder is a dataset of a
// folder that nobody packed, and Packed one that was packed without entropy
// indexes. Both keep the indexes that the engine makes while it decodes, in the
// user's cache folder, so that from the second epoch on a crop decodes, and where
// it pays reads, only what it shows. An index is used only for the bytes that it
// was made of: it changes no pixel.
//
// A Folder lists names, sizes and times when it is opened, and reads the header of
// a picture when it is first asked for. What changes in the folder afterwards is an
// error of the samples that it concerns. Packing is faster: one file instead of
// many, and sizes that are known.
package inplace

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/entropy"
	"stoker/internal/errs"
	"stoker/internal/source"
)

// Folder is a folder of pictures as a dataset; its methods are those of a
// dataset.Dataset and as safe for concurrent use.
type Folder struct {
	*dataset.Dataset
	src   *source.Source
	infos []atomic.Uint64 // of each picture, see info; 0 while unknown
	sets  sync.Pool       // of *header
	cache *entropy.Cache  // nil: indexes are not kept
}

// header is what one goroutine reads headers with.
type header struct {
	set    *codec.Set
	prefix [headBytes]byte
}

// headBytes is how much of a file is read for its header; where that is not
// enough, all of it is.
const headBytes = 16 << 10

// OpenFolder lists a folder of pictures: class folders, flat, or with a labels
// file. cache is the folder for indexes, "" for none. Errors: those of source.Scan.
func OpenFolder(ctx context.Context, dir, cache string) (*Folder, error) {
	src, err := source.Scan(ctx, source.Options{Root: dir})
	if err != nil {
		return nil, err
	}
	d, err := dataset.FromListing(dataset.Listing{Dir: dir, Classes: src.Classes, Fields: src.Fields, Rows: int64(src.Len()),
		Row: func(i int64, r *dataset.ListedRow) {
			e := src.Entry(int(i))
			r.Key, r.Label, r.Length = e.Key, e.Label, e.Size
			r.Values = src.Values(int(i), r.Values)
		}})
	if err != nil {
		return nil, err
	}
	f := &Folder{Dataset: d, src: src, infos: make([]atomic.Uint64, src.Len())}
	f.sets.New = func() any { return &header{set: codec.NewSet(codec.Limits{})} }
	if cache != "" {
		real, err := filepath.Abs(dir)
		if err != nil {
			real = dir
		}
		// Without a cache every epoch is like the first.
		f.cache, _ = openCache(cache, "folder "+real)
	}
	return f, nil
}

// openCache opens the cache of what the text describes.
func openCache(folder, of string) (*entropy.Cache, error) {
	sum := sha256.Sum256([]byte(of))
	return entropy.OpenCache(folder, hex.EncodeToString(sum[:12]), codec.Version(codec.JPEG))
}

// Notes are sentences for the user about what the folder holds beside what is
// used.
func (f *Folder) Notes() []string {
	notes := append([]string{}, f.src.Notes...)
	if n := len(f.src.Bad); n > 0 {
		notes = append(notes, fmt.Sprintf("left out %d that cannot be used, such as %s: %s", n, f.src.Bad[0].Path, f.src.Bad[0].Reason))
	}
	return notes
}

// Formats returns none: they are known when all headers are read.
func (f *Folder) Formats() []codec.Format { return nil }

// Close closes the dataset and ends the use of the cache.
func (f *Folder) Close() error {
	f.cache.Close()
	f.cache = nil
	return f.Dataset.Close()
}

// Sample returns what is known of picture i; it reads the file's header where that
// was not read before. CRC is that of the bytes that an index was made of, or 0.
func (f *Folder) Sample(i int64) (dataset.Sample, error) {
	s, err := f.Dataset.Sample(i)
	if err != nil {
		return s, err
	}
	packed := f.infos[i].Load()
	if packed == 0 {
		if packed, err = f.readInfo(i); err != nil {
			return s, err
		}
		f.infos[i].Store(packed)
	}
	info(packed).put(&s)
	if f.cache != nil && s.Format == codec.JPEG {
		s.CRC, _ = f.cache.CRC(f.src.FileHash(int(i)))
	}
	return s, nil
}

// info packs what a header says: 24 bits of width, 24 of height, 8 of orientation
// and 8 of format.
type info uint64

func packInfo(i codec.Info) info {
	return info(i.Width)<<40 | info(i.Height)<<16 | info(i.Orientation)<<8 | info(i.Format)
}

func (i info) put(s *dataset.Sample) {
	s.Width, s.Height = int(i>>40), int(i>>16&0xFFFFFF)
	s.Orientation, s.Format = int(i>>8&0xFF), codec.Format(i&0xFF)
}

func (f *Folder) readInfo(i int64) (uint64, error) {
	h := f.sets.Get().(*header)
	defer f.sets.Put(h)
	path := f.src.Path(int(i))
	file, err := os.Open(path)
	if err != nil {
		return 0, f.error(i, cannot("open", err))
	}
	defer file.Close() //nolint:errcheck // only read
	n, err := io.ReadFull(file, h.prefix[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return 0, f.error(i, cannot("read", err))
	}
	found, err := h.set.Info(h.prefix[:n])
	if err != nil && n == len(h.prefix) {
		all, e := os.ReadFile(path)
		if e != nil {
			return 0, f.error(i, cannot("read", e))
		}
		found, err = h.set.Info(all)
	}
	if err != nil {
		return 0, f.error(i, err)
	}
	if found.Width >= 1<<24 || found.Height >= 1<<24 {
		return 0, f.error(i, errs.New(errs.Unsupported, "%d x %d pixels", found.Width, found.Height))
	}
	return uint64(packInfo(found)), nil
}

// Read reads the file of picture i into dst, which is grown where it is too small,
// and sets the checksum of s to that of the bytes: nobody knows what it should be.
func (f *Folder) Read(s *dataset.Sample, i int64, dst []byte) ([]byte, error) {
	dst, err := f.ReadRange(s, i, 0, s.Length, dst)
	if err == nil {
		s.CRC = dataset.CRC32C(dst)
	}
	return dst, err
}

// ReadRange reads length bytes of a picture's file.
func (f *Folder) ReadRange(s *dataset.Sample, i, offset, length int64, dst []byte) ([]byte, error) {
	file, err := os.Open(f.src.Path(int(i)))
	if err != nil {
		return dst, f.error(i, cannot("open", err))
	}
	defer file.Close() //nolint:errcheck // only read
	if now, err := file.Stat(); err == nil && now.Size() != s.Length {
		return dst, f.error(i, errs.New(errs.Corrupt, "the file has %d bytes; it had %d when the folder was listed", now.Size(), s.Length).
			WithHint("start again with the folder as it is now"))
	}
	if int64(cap(dst)) < length {
		dst = make([]byte, length)
	}
	dst = dst[:length]
	if _, err := file.ReadAt(dst, offset); err != nil {
		return dst, f.error(i, cannot("read", err))
	}
	return dst, nil
}

// error gives an error its place.
func (f *Folder) error(i int64, err error) error {
	e := errs.New(errs.KindOf(err), "%w", err).At(f.src.Path(int(i)))
	e.Hint = errs.HintOf(err)
	return e
}

// cannot says that the system refuses a file.
func cannot(what string, err error) error {
	otherwise := errs.Transient
	if errors.Is(err, io.EOF) {
		otherwise = errs.Corrupt
	}
	return errs.New(errs.KindOfFile(err, otherwise), "cannot %s the file: %w", what, errs.WithoutPath(err))
}

// AppendEntropy appends the entropy index of picture i, or nothing.
func (f *Folder) AppendEntropy(dst []byte, i int64, s *dataset.Sample) []byte {
	if f.cache == nil || s.CRC == 0 {
		return dst
	}
	return f.cache.AppendEntropy(dst, f.src.FileHash(int(i)), s.CRC)
}

// AppendParts appends its parts, or nothing.
func (f *Folder) AppendParts(dst []byte, i int64, s *dataset.Sample) []byte {
	if f.cache == nil || s.CRC == 0 {
		return dst
	}
	return f.cache.AppendParts(dst, f.src.FileHash(int(i)), s.CRC)
}

// KeepsEntropy reports whether an index of the sample would be kept.
func (f *Folder) KeepsEntropy(s *dataset.Sample) bool { return keeps(f.cache, s) }

// KeepEntropy keeps the index of picture i, made of its bytes blob, whose checksum
// is in s. The error, which comes once, says that no more are kept.
func (f *Folder) KeepEntropy(i int64, s *dataset.Sample, index, blob []byte) error {
	return f.cache.Put(f.src.FileHash(int(i)), s.CRC, index, entropy.AppendParts(nil, blob, 0))
}

// leastBytes is what an image must have for an index to pay.
const leastBytes = 4 << 10

func keeps(c *entropy.Cache, s *dataset.Sample) bool {
	return c != nil && s.Format == codec.JPEG && s.Length >= leastBytes && c.Wants()
}
