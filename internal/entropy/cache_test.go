package entropy

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"stoker/internal/filetest"
)

func openTest(t testing.TB, dir string) *Cache {
	t.Helper()
	c, err := OpenCache(dir, "name", "v1")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t testing.TB, c *Cache, key uint64) {
	t.Helper()
	if err := c.Put(key, uint32(key), fmt.Appendf(nil, "index %d", key), fmt.Appendf(nil, "parts of %d", key)); err != nil {
		t.Fatal(err)
	}
}

// has reports whether the record of key is whole, and fails where it is another.
func has(t testing.TB, c *Cache, key uint64) bool {
	t.Helper()
	index, parts := c.AppendEntropy([]byte("a"), key, uint32(key)), c.AppendParts([]byte("b"), key, uint32(key))
	if len(index) == 1 && len(parts) == 1 {
		return false
	}
	if string(index) != fmt.Sprint("aindex ", key) || string(parts) != fmt.Sprint("bparts of ", key) {
		t.Fatalf("key %d: %q %q", key, index, parts)
	}
	return true
}

func TestCacheKeeps(t *testing.T) {
	dir := filetest.FastDir(t)
	for round := range uint64(3) {
		c := openTest(t, dir)
		for key := range 10 * round {
			if !has(t, c, key) {
				t.Errorf("round %d lost key %d", round, key)
			}
		}
		if has(t, c, 99) || len(c.AppendEntropy(nil, 0, 7)) != 0 {
			t.Error("an index of another image was given")
		}
		var group sync.WaitGroup
		for key := 10 * round; key < 10*round+10; key++ {
			group.Go(func() { put(t, c, key) })
		}
		group.Wait()
		c.Close()
	}
}

// A cache that another process writes is read, its news are seen, and it is
// written on when that process is gone.
func TestCacheOfAnotherProcess(t *testing.T) {
	dir := filetest.FastDir(t)
	first := openTest(t, dir)
	put(t, first, 1)
	open.Lock()
	clear(open.all) // as another process would not know of it
	open.Unlock()
	second := openTest(t, dir)
	defer second.Close()
	if !has(t, second, 1) || second.Wants() {
		t.Error("the second does not read, or writes")
	}
	put(t, second, 2) // is not kept
	put(t, first, 3)
	second.looked = time.Time{}
	if !has(t, second, 3) || has(t, second, 2) {
		t.Error("the second does not see the news, or has kept its own")
	}
	first.Close()
	second.looked = time.Time{}
	if has(t, second, 4); !second.Wants() {
		t.Error("nobody writes on")
	}
	put(t, second, 4)
	if !has(t, second, 4) || !has(t, second, 1) {
		t.Error("what was written is lost")
	}
}

func TestCacheOfAnotherVersionIsForgotten(t *testing.T) {
	dir := filetest.FastDir(t)
	c := openTest(t, dir)
	put(t, c, 1)
	c.Close()
	if c, err := OpenCache(dir, "name", "v2"); err != nil || has(t, c, 1) {
		t.Errorf("an index of another version was given (%v)", err)
	} else {
		c.Close()
	}
}

// Whatever a crash or a disk does to the files, a record is right or not there,
// and can be made again.
func TestDamagedCache(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	dir := filetest.FastDir(t)
	c := openTest(t, dir)
	for key := range uint64(20) {
		put(t, c, key)
	}
	c.Close()
	var files [2][]byte
	names := [2]string{}
	for i, suffix := range []string{keysSuffix, dataSuffix} {
		names[i] = filepath.Join(dir, cacheFolder, "name"+suffix)
		var err error
		if files[i], err = os.ReadFile(names[i]); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 200 {
		for i := range files {
			b := bytes.Clone(files[i])
			switch rng.IntN(3) {
			case 0:
				b = b[:rng.IntN(len(b))]
			case 1:
				b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
			}
			if err := os.WriteFile(names[i], b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := openTest(t, dir)
		for key := range uint64(20) {
			if !has(t, c, key) {
				put(t, c, key)
			}
		}
		c.Close()
		c = openTest(t, dir)
		for key := range uint64(20) {
			if !has(t, c, key) {
				t.Fatalf("round %d: key %d is lost again", round, key)
			}
		}
		c.Close()
	}
}

func TestUnusedCachesGo(t *testing.T) {
	dir := filetest.FastDir(t)
	c := openTest(t, dir)
	put(t, c, 1)
	c.Close()
	old := time.Now().Add(-2 * keepUnused)
	if err := os.Chtimes(filepath.Join(dir, cacheFolder, "name"+keysSuffix), old, old); err != nil {
		t.Fatal(err)
	}
	other, err := OpenCache(dir, "other", "v1")
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	if left, _ := filepath.Glob(filepath.Join(dir, cacheFolder, "name*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
