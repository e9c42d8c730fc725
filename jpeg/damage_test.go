package jpeg

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// damaged cuts or corrupts src.
func damaged(rng *rand.Rand, src []byte) []byte {
	scan := strings.Index(string(src), "\xFF\xDA")
	b := append([]byte(nil), src...)
	at := scan + 14 + rng.IntN(max(len(src)-scan-14, 1))
	switch rng.IntN(4) {
	case 0:
		return b[:min(at, len(b))]
	case 1:
		b[min(at, len(b)-1)] ^= 1 << rng.IntN(8)
	case 2:
		for range 1 + rng.IntN(6) {
			b[min(scan+14+rng.IntN(max(len(src)-scan-14, 1)), len(b)-1)] = byte(rng.Uint32())
		}
	case 3:
		n := min(1+rng.IntN(20), len(b)-at)
		b = append(b[:at], b[at+max(n, 0):]...)
	}
	return b
}

// TestDamagedEqualPillow compares partial pictures of truncated and corrupt
// files with those of libjpeg-turbo.
func TestDamagedEqualPillow(t *testing.T) {
	needTools(t, "cjpeg")
	o := newOracle(t)
	n := 250
	if os.Getenv("STOKER_LONG") != "" {
		n = 4000
	}
	rng := rand.New(rand.NewPCG(9, 10))
	dir := writeScripts(t)
	var d Decoder
	compared, differ := 0, 0
	for range n {
		args := toolArgs(t, rng, dir)
		w, h := 1+rng.IntN(120), 1+rng.IntN(120)
		whole, err := tryTool(synthetic(rng, w, h, false), "cjpeg", args...)
		if err != nil {
			continue
		}
		for range 4 {
			src := damaged(rng, whole)
			want, err := o.decode(src, true)
			got, gotErr := decodeWhole(&d, src, Options{Partial: true})
			if err != nil || want.w != got.w || want.h != got.h {
				continue // libjpeg gives up, or the file is damaged in its header
			}
			if bytes.Count(want.pix, []byte{0}) == len(want.pix) {
				continue // libjpeg met a fatal error between scans and gave no pixel
			}
			compared++
			var e *Error
			if gotErr != nil && !errors.As(gotErr, &e) {
				t.Fatalf("error of type %T: %v", gotErr, gotErr)
			}
			if diff := got.differ(want); diff != "" {
				differ++
				t.Errorf("%dx%d %s: %s (error %v)", w, h, strings.Join(args, " "), diff, gotErr)
				if os.Getenv("STOKER_KEEP") != "" {
					os.WriteFile(fmt.Sprintf("%s/bad%d.jpg", os.Getenv("STOKER_KEEP"), differ), src, 0o644)
				}
			}
		}
	}
	t.Logf("%d compared, %d differ", compared, differ)
}
