package source_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"stoker/internal/source"
)

// BenchmarkScan scans class folders of STOKER_FILES empty pictures, 100,000
// where it is not set, and reports time and kept memory for each.
func BenchmarkScan(b *testing.B) {
	n, _ := strconv.Atoi(os.Getenv("STOKER_FILES"))
	if n == 0 {
		n = 100_000
	}
	root := b.TempDir()
	for i := range n {
		dir := filepath.Join(root, fmt.Sprintf("n%08d", i%1000))
		if i < 1000 {
			if err := os.Mkdir(dir, 0o755); err != nil {
				b.Fatal(err)
			}
		}
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("n%08d_%d.JPEG", i%1000, i)))
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
	for b.Loop() {
		before := heap()
		s, err := source.Scan(b.Context(), source.Options{Root: root})
		if err != nil || s.Len() != n {
			b.Fatalf("%v, %v", s, err)
		}
		b.ReportMetric(float64(heap()-before)/float64(n), "B/file")
		runtime.KeepAlive(s)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/file")
}

// heap returns the bytes in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
