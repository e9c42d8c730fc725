package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stoker/internal/dataset"
	"stoker/internal/engine/enginetest"
	"stoker/internal/stats"
	"stoker/internal/transform"
)

// BenchmarkCold reads samples that the page cache does not have, 8 at a time, in
// parts and whole by turns: the photographs, and pictures of 2 MB. The shards'
// pages are dropped before each turn. STOKER_TEST_TMP names a folder on the disk
// to measure.
func BenchmarkCold(b *testing.B) {
	if dir := os.Getenv("STOKER_TEST_TMP"); dir != "" {
		b.Setenv("TMPDIR", dir)
	}
	for _, cold := range []bool{true, false} {
		b.Run(fmt.Sprintf("photographs/cold=%t", cold), func(b *testing.B) { benchmarkReads(b, enginetest.IndexedPhotos(b), cold) })
		b.Run(fmt.Sprintf("of-2-MB/cold=%t", cold), func(b *testing.B) { benchmarkReads(b, enginetest.JPEGs(b, 64, 2800), cold) })
	}
}

func benchmarkReads(b *testing.B, dir string, cold bool) {
	spec, err := transform.ParseSpec([]byte(`{"ops": [{"op": "random_resized_crop", "size": [224, 224]}]}`))
	if err != nil {
		b.Fatal(err)
	}
	d, err := dataset.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	d.ExpectRandomReads()
	s, err := prepare(Options{Transform: spec, BatchSize: 64}, d)
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	var took [2]time.Duration
	var bytes [2]int64
	samples := int64(0)
	for epoch := uint64(0); b.Loop(); epoch++ {
		for way := range took {
			if cold {
				dropPages(b, dir)
			}
			begin := time.Now()
			bytes[way] += readEpoch(b, s, epoch, way == 1)
			took[way] += time.Since(begin)
		}
		samples += d.Len()
	}
	for way, name := range []string{"parts", "whole"} {
		b.ReportMetric(float64(took[way].Microseconds())/float64(samples), name+"-us/sample")
		b.ReportMetric(float64(bytes[way])/float64(samples)/1024, name+"-KB/sample")
	}
}

// readEpoch reads what the crops of all samples need, and returns the bytes.
func readEpoch(b *testing.B, s *Session, epoch uint64, whole bool) int64 {
	var next, bytes atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			j := &job{batch: &batch{epoch: epoch, rows: make([]stats.Row, 1)}}
			var buffer []byte
			for i := next.Add(1) - 1; i < s.source.Len(); i = next.Add(1) - 1 {
				j.index = i
				if err := s.look(j, i); err != nil {
					b.Error(err)
				}
				if whole {
					j.partial.ranges = nil
				}
				if err := s.read(j, buffer); err != nil {
					b.Error(err)
				}
				buffer = j.blob
			}
			bytes.Add(j.batch.rows[0].Bytes)
		})
	}
	group.Wait()
	return bytes.Load()
}

// dropPages has the system forget the shards' contents.
func dropPages(b *testing.B, dir string) {
	shards, err := filepath.Glob(filepath.Join(dir, "data-*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range shards {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		if err := unix.Fsync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}
