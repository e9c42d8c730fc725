//go:build !noasm

package jpeg

import "testing"

// eachLevel runs a test with every set of kernels that the processor has.
func eachLevel(t *testing.T, test func(t *testing.T)) {
	defer useLevel(bestLevel())
	for l := levelGeneric; l <= bestLevel(); l++ {
		useLevel(l)
		t.Run([]string{"generic", "AVX2", "AVX512"}[l], test)
	}
}

// compareGeneric decodes with the generic code what the kernels gave.
func compareGeneric(t *testing.T, src []byte, want picture) {
	t.Helper()
	defer useLevel(map[string]level{"generic": levelGeneric, "AVX2": levelAVX2, "AVX-512": levelAVX512}[kernels])
	useLevel(levelGeneric)
	var d Decoder
	if got, _ := decodeWhole(&d, src, fuzzOptions); got.differ(want) != "" {
		t.Fatalf("generic code: %s", got.differ(want))
	}
}
