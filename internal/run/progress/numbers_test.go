package progress

import "testing"

func TestCountReadsScaledAndGroupedNumbers(t *testing.T) {
	for in, want := range map[string]int64{"12": 12, "3,000": 3000, "63.3G": 63_300_000_000, "1.5k": 1500, "": 0, "x": 0, "-3": 0,
		"99999999999999999999": 1<<63 - 1} {
		if got := count(in); got != want {
			t.Errorf("count(%q) = %d, want %d", in, got, want)
		}
	}
}
