package pack_test

import (
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"stoker/internal/pack"
	"stoker/internal/source"
)

// photos returns the folder of real photographs, or skips.
func photos(t testing.TB) string {
	t.Helper()
	root := os.Getenv("STOKER_TEST_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	dir := filepath.Join(root, "photos")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("needs the photographs of the test data: %v", err)
	}
	return dir
}

// BenchmarkAgainstCopy compares packing with what a careful user would do
// instead: cp -r, then a CRC-32C over the copy. Both sides alternate within one
// run, because shared disks are noisy:
//
//	ratio        speed of packing / speed of cp and checksum, medians
//	sync-ratio   the same, with the copy forced to the disk as packing does by default
//	best-ratio   ratio of the fastest of each, nearest to an idle machine
//	indexed-ms   packing with entropy indexes, which is work on every picture
//
// Run it with -benchtime 30x, and with TMPDIR=/dev/shm to see it without a disk.
func BenchmarkAgainstCopy(b *testing.B) {
	src, dir := photos(b), b.TempDir()
	var copied, synced, packed, indexed []time.Duration
	run := func(entropyStep int) time.Duration {
		return timed(b, func() error {
			_, err := pack.Run(b.Context(), pack.Options{Source: source.Options{Root: src},
				Output: filepath.Join(dir, "p.stk"), EntropyStep: entropyStep})
			return err
		})
	}
	for b.Loop() {
		copied = append(copied, timed(b, func() error { return copyAndSum(src, filepath.Join(dir, "copy")) }))
		synced = append(synced, copied[len(copied)-1]+timed(b, func() error { return exec.Command("sync", "-f", dir).Run() }))
		packed = append(packed, run(0))
		if err := os.RemoveAll(filepath.Join(dir, "p.stk")); err != nil {
			b.Fatal(err)
		}
		indexed = append(indexed, run(8))
		for _, name := range []string{"copy", "p.stk"} {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(1000*median(copied), "cp-ms")
	b.ReportMetric(1000*median(synced), "cp-sync-ms")
	b.ReportMetric(1000*median(packed), "pack-ms")
	b.ReportMetric(1000*median(indexed), "indexed-ms")
	b.ReportMetric(median(copied)/median(packed), "ratio")
	b.ReportMetric(median(synced)/median(packed), "sync-ratio")
	b.ReportMetric(slices.Min(copied).Seconds()/slices.Min(packed).Seconds(), "best-ratio")
}

func timed(b *testing.B, f func() error) time.Duration {
	start := time.Now()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// median in seconds.
func median(d []time.Duration) float64 {
	s := append([]time.Duration(nil), d...)
	slices.Sort(s)
	return s[len(s)/2].Seconds()
}

func copyAndSum(src, dst string) error {
	if err := exec.Command("cp", "-r", src, dst).Run(); err != nil {
		return err
	}
	table, buf := crc32.MakeTable(crc32.Castagnoli), make([]byte, 1<<20)
	return filepath.WalkDir(dst, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		for {
			n, err := f.Read(buf)
			crc32.Update(0, table, buf[:n])
			if err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
}
