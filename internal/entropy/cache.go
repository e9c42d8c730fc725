package entropy

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"stoker/internal/errs"
)

// Cache keeps the indexes and parts of images in two files of the user's cache
// folder: NAME.data, records one behind the other, and NAME.keys, which says
// where they are. Records are added as images are met and are never changed; one
// that a crash left damaged is not found, and is made again. The last of several
// with one key counts.
//
// Of several processes one writes, the first to take the lock on NAME.keys; the
// others see what it wrote, and one of them writes on when it is gone. The
// sessions of one process share a Cache. All methods may be called concurrently.
//
// Memory is some 40 bytes an image; the records stay in the files.
type Cache struct {
	path  string
	users int // guarded by open

	mu         sync.Mutex
	data, keys *os.File
	at         map[uint64]record
	read       int64 // bytes of keys that are in at
	looked     time.Time
	writing    bool // this process has the lock
	broken     bool // writing failed: no more is tried
}

// record is the place of an image's record.
type record struct {
	at     int64
	length uint32
	crc    uint32 // of the image
}

// The files, little-endian. NAME.keys begins with its version in keyBytes bytes:
//
//	data: uint32 CRC-32C of the rest, uint32 length of the index, uint64 key, uint32 CRC-32C of the image,
//	      the index, the parts
//	keys: uint64 key, uint64 place in data, uint32 length there, uint32 CRC-32C of the image,
//	      uint32 zero, uint32 CRC-32C of the 28 bytes before
const (
	keyBytes    = 32
	recordHead  = 20
	maxRecord   = 64 << 20
	lookAgain   = time.Second
	leastFree   = 1 << 30             // bytes that are left to others on the disk,
	smallShare  = 10                  // or of a small one, one in so many
	keepUnused  = 30 * 24 * time.Hour // then a cache is removed
	keysSuffix  = ".keys"
	dataSuffix  = ".data"
	cacheFolder = "entropy"
)

// open are the caches in use in this process, by path.
var open = struct {
	sync.Mutex
	all map[string]*Cache
}{all: map[string]*Cache{}}

// OpenCache opens the cache of the given name in a folder, which is made where
// there is none; version says what made its indexes, in at most 32 bytes: those
// of others are forgotten.
func OpenCache(folder, name, version string) (*Cache, error) {
	folder = filepath.Join(folder, cacheFolder)
	path := filepath.Join(folder, name)
	open.Lock()
	defer open.Unlock()
	if c := open.all[path]; c != nil {
		c.users++
		return c, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, errs.New(errs.Permission, "cannot make the folder for indexes: %w", err)
	}
	removeUnused(folder)
	c := &Cache{path: path, users: 1, at: map[uint64]record{}}
	var err error
	if c.keys, err = os.OpenFile(path+keysSuffix, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, errs.New(errs.Permission, "cannot open the indexes: %w", err)
	}
	if c.data, err = os.OpenFile(path+dataSuffix, os.O_RDWR|os.O_CREATE, 0o600); err == nil {
		err = c.start(version)
	}
	if err != nil {
		c.closeFiles()
		return nil, errs.New(errs.Permission, "cannot open the indexes: %w", err)
	}
	now := time.Now()
	_ = os.Chtimes(c.keys.Name(), now, now) // it is in use: see removeUnused
	open.all[path] = c
	return c, nil
}

// removeUnused removes caches that nobody has opened for a long time.
func removeUnused(folder string) {
	all, _ := filepath.Glob(filepath.Join(folder, "*"+keysSuffix))
	for _, keys := range all {
		if info, err := os.Stat(keys); err == nil && time.Since(info.ModTime()) > keepUnused {
			_ = os.Remove(keys[:len(keys)-len(keysSuffix)] + dataSuffix)
			_ = os.Remove(keys)
		}
	}
}

// Close ends one use of the cache.
func (c *Cache) Close() {
	if c == nil {
		return
	}
	open.Lock()
	defer open.Unlock()
	if c.users--; c.users > 0 {
		return
	}
	delete(open.all, c.path)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeFiles()
}

func (c *Cache) closeFiles() {
	for _, f := range []*os.File{c.keys, c.data} {
		if f != nil {
			_ = f.Close() // which unlocks; what it holds can be made again
		}
	}
}

// start reads the keys; who can write removes those of another version.
func (c *Cache) start(version string) error {
	head := make([]byte, keyBytes)
	copy(head, version)
	c.lock()
	found := make([]byte, keyBytes)
	n, err := c.keys.ReadAt(found, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n < keyBytes || string(found) != string(head) {
		if !c.writing {
			return errs.New(errs.Transient, "another process writes them")
		}
		if err := errors.Join(c.keys.Truncate(0), c.data.Truncate(0)); err != nil {
			return err
		}
		if _, err := c.keys.WriteAt(head, 0); err != nil {
			return err
		}
	}
	c.read = keyBytes
	c.refresh()
	return nil
}

// lock makes this process the one that writes, where none does.
func (c *Cache) lock() {
	c.writing = c.writing || unix.Flock(int(c.keys.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// refresh reads the keys that were added since it read them last.
func (c *Cache) refresh() {
	c.looked = time.Now()
	info, err := c.keys.Stat()
	if err != nil || info.Size()-c.read < keyBytes {
		return
	}
	added := make([]byte, (info.Size()-c.read)/keyBytes*keyBytes)
	n, _ := c.keys.ReadAt(added, c.read)
	le := binary.LittleEndian
	for n -= n % keyBytes; len(added) > 0 && n > 0; n -= keyBytes {
		k := added[:keyBytes]
		added = added[keyBytes:]
		c.read += keyBytes
		if le.Uint32(k[28:]) == crc32.Checksum(k[:28], castagnoli) {
			c.at[le.Uint64(k)] = record{int64(le.Uint64(k[8:])), le.Uint32(k[16:]), le.Uint32(k[20:])}
		}
	}
}

// find returns the record of a key. Where another process writes, it looks for
// news now and then.
func (c *Cache) find(key uint64) (record, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.at[key]
	if !ok && !c.writing && time.Since(c.looked) > lookAgain {
		c.lock()
		c.refresh()
		r, ok = c.at[key]
	}
	return r, ok
}

// CRC returns the checksum of the image that was indexed under a key.
func (c *Cache) CRC(key uint64) (crc uint32, ok bool) {
	r, ok := c.find(key)
	return r.crc, ok
}

// AppendEntropy appends the index of the image with the given key and checksum,
// or nothing where there is none.
func (c *Cache) AppendEntropy(dst []byte, key uint64, crc uint32) []byte {
	begin := len(dst)
	dst, index := c.load(dst, key, crc)
	return dst[:begin+index]
}

// AppendParts does the same with the parts.
func (c *Cache) AppendParts(dst []byte, key uint64, crc uint32) []byte {
	begin := len(dst)
	dst, index := c.load(dst, key, crc)
	return append(dst[:begin], dst[begin+index:]...)
}

// load appends a record without its head, and returns the length of the index.
func (c *Cache) load(dst []byte, key uint64, crc uint32) ([]byte, int) {
	r, ok := c.find(key)
	if !ok || r.crc != crc || r.length < recordHead || r.length > maxRecord {
		return dst, 0
	}
	begin := len(dst)
	dst = append(dst, make([]byte, r.length)...)
	read := dst[begin:]
	le := binary.LittleEndian
	if _, err := c.data.ReadAt(read, r.at); err != nil || le.Uint32(read) != crc32.Checksum(read[4:], castagnoli) ||
		le.Uint64(read[8:]) != key || le.Uint32(read[16:]) != crc || int64(le.Uint32(read[4:])) > int64(len(read)-recordHead) {
		return dst[:begin], 0
	}
	index := int(le.Uint32(read[4:]))
	n := copy(read, read[recordHead:])
	return dst[:begin+n], index
}

// Wants reports whether Put would keep something: this process writes, and there
// is room.
func (c *Cache) Wants() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writing && !c.broken
}

// Put keeps the index and the parts of an image. Where the disk is full, or will
// soon be, it keeps nothing more: the error, of kind Exhausted, comes once.
func (c *Cache) Put(key uint64, crc uint32, index, parts []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.writing || c.broken {
		return nil
	}
	le := binary.LittleEndian
	rec := make([]byte, recordHead, recordHead+len(index)+len(parts))
	le.PutUint32(rec[4:], uint32(len(index)))
	le.PutUint64(rec[8:], key)
	le.PutUint32(rec[16:], crc)
	rec = append(append(rec, index...), parts...)
	le.PutUint32(rec, crc32.Checksum(rec[4:], castagnoli))
	k := make([]byte, keyBytes)
	at, err := c.data.Seek(0, io.SeekEnd)
	if err == nil {
		err = c.room(at)
	}
	if err == nil {
		_, err = c.data.WriteAt(rec, at)
	}
	le.PutUint64(k, key)
	le.PutUint64(k[8:], uint64(at))
	le.PutUint32(k[16:], uint32(len(rec)))
	le.PutUint32(k[20:], crc)
	le.PutUint32(k[28:], crc32.Checksum(k[:28], castagnoli))
	if err == nil {
		_, err = c.keys.WriteAt(k, c.read)
	}
	if err != nil {
		c.broken = true
		return errs.New(errs.Exhausted, "no more indexes are kept: %w", err).At(c.path + dataSuffix).
			WithHint("free some room, or set STOKER_CACHE_DIR to a folder on another disk")
	}
	c.read += keyBytes
	c.at[key] = record{at, uint32(len(rec)), crc}
	return nil
}

// roomStep is how many bytes are written between two looks at the disk.
const roomStep = 1 << 24

// room refuses to fill the disk.
func (c *Cache) room(at int64) error {
	if at%roomStep > maxRecord/1024 {
		return nil
	}
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(c.data.Fd()), &s); err != nil {
		return nil // what cannot be asked for is tried
	}
	if block := int64(s.Bsize); int64(s.Bavail)*block < min(leastFree, int64(s.Blocks)*block/smallShare) {
		return unix.ENOSPC
	}
	return nil
}
