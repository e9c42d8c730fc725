package codec

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"testing"
)

// inflated decompresses src, n bytes at a time, up to most bytes.
func inflated(z *inflater, src []byte, n, most int) ([]byte, error) {
	z.reset(src)
	var out []byte
	for len(out)+n <= most {
		b, err := z.next(n)
		if err != nil {
			return out, err
		}
		out = append(out, b...)
	}
	return out, nil
}

// TestInflateUndoesEveryLevel compresses runs, noise and text-like data.
func TestInflateUndoesEveryLevel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var z inflater
	for i := range 120 {
		data := make([]byte, r.IntN(300_000))
		for at := 0; at < len(data); {
			run := data[at:min(at+1+r.IntN(400), len(data))]
			switch r.IntN(3) {
			case 0: // stays zero
			case 1:
				for k := range run {
					run[k] = byte(r.IntN(1 + i))
				}
			case 2:
				copy(run, data[r.IntN(at+1):at])
			}
			at += len(run)
		}
		var packed bytes.Buffer
		w, err := flate.NewWriter(&packed, i%12-2)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		n := 1 + r.IntN(5000)
		got, err := inflated(&z, packed.Bytes(), n, len(data))
		if err != nil || !bytes.Equal(got, data[:len(got)]) || len(got)+n <= len(data) {
			t.Fatalf("case %d, level %d, %d bytes by %d: %d bytes, error %v", i, i%12-2, len(data), n, len(got), err)
		}
	}
}

// FuzzInflate compares with compress/flate: the same bytes, or an error of both.
func FuzzInflate(f *testing.F) {
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		var packed bytes.Buffer
		w, err := flate.NewWriter(&packed, level)
		if err != nil {
			f.Fatal(err)
		}
		for i := range 2000 {
			_, _ = w.Write([]byte{byte(i * i >> 3), byte(i), 7})
		}
		_ = w.Close()
		f.Add(packed.Bytes())
	}
	f.Add([]byte{1, 2, 0, 0xfd, 0xff, 'h', 'i'})
	const most = 1 << 20
	var z inflater
	f.Fuzz(func(t *testing.T, src []byte) {
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(src)), most))
		got, err := inflated(&z, src, 1, most)
		if wantErr == nil && len(want) < most {
			if err != io.ErrUnexpectedEOF || !bytes.Equal(got, want) { // asked for one byte too many
				t.Fatalf("got %d bytes, error %v; want %d bytes", len(got), err, len(want))
			}
			return
		}
		if !bytes.HasPrefix(got, want) && !bytes.HasPrefix(want, got) {
			t.Fatalf("%d bytes differ from the %d of compress/flate (error %v)", len(got), len(want), wantErr)
		}
		if wantErr != nil && err == nil && len(got) == most {
			t.Fatalf("no error where compress/flate has %v", wantErr)
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	data := make([]byte, 1<<20)
	for i := range data { // as the filtered rows of a photograph
		data[i] = byte(int(r.NormFloat64() * 6))
	}
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.DefaultCompression)
	_, _ = w.Write(data)
	_ = w.Close()
	b.Run("inflater", func(b *testing.B) {
		var z inflater
		b.SetBytes(int64(len(data)))
		for range b.N {
			z.reset(packed.Bytes())
			for range len(data) >> 10 {
				if _, err := z.next(1 << 10); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("compress-flate", func(b *testing.B) {
		row := make([]byte, 1<<10)
		src := flate.NewReader(nil)
		b.SetBytes(int64(len(data)))
		for range b.N {
			_ = src.(flate.Resetter).Reset(bytes.NewReader(packed.Bytes()), nil)
			for range len(data) >> 10 {
				if _, err := io.ReadFull(src, row); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
