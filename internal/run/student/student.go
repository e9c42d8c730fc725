// Package student has the quantiles of Student's t distribution: intervals from
// few measurements.
package student

import "math"

// Quantile for p above one half and n degrees of freedom, at least one: exact for one
// and two, else the expansion of Fisher and Cornish (1960), within 1 %.
func Quantile(p float64, n int) float64 {
	switch n {
	case 1:
		return math.Tan(math.Pi * (p - 0.5))
	case 2:
		return (2*p - 1) / math.Sqrt(2*p*(1-p))
	}
	z, k := math.Sqrt2*math.Erfinv(2*p-1), float64(n)
	z3, z5, z7, z9 := math.Pow(z, 3), math.Pow(z, 5), math.Pow(z, 7), math.Pow(z, 9)
	return z + (z3+z)/(4*k) + (5*z5+16*z3+3*z)/(96*k*k) + (3*z7+19*z5+17*z3-15*z)/(384*k*k*k) +
		(79*z9+776*z7+1482*z5-1920*z3-945*z)/(92160*k*k*k*k)
}
