package student

import (
	"math"
	"testing"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		p    float64
		n    int
		want float64
	}{{0.975, 1, 12.706}, {0.975, 2, 4.303}, {0.975, 3, 3.182}, {0.975, 4, 2.776}, {0.975, 10, 2.228}, {0.9, 2, 1.886}, {0.9, 5, 1.476}, {0.9, 1000, 1.282}} {
		if got := Quantile(c.p, c.n); math.Abs(got/c.want-1) > 0.01 {
			t.Errorf("t(%g, %d) = %.3f, want %.3f", c.p, c.n, got, c.want)
		}
	}
}
