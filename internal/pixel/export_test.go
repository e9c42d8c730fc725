package pixel

// Levels lists the kernels that this processor runs, the generic ones first.
func Levels() []level {
	var all []level
	for l := levelGeneric; l <= bestLevel(); l++ {
		all = append(all, l)
	}
	return all
}

// UseLevel chooses kernels and returns what goes back to the best ones.
func UseLevel(l level) (restore func()) {
	useLevel(l)
	return func() { useLevel(bestLevel()) }
}

func (l level) String() string { return [...]string{"generic", "avx2", "avx512"}[l] }

// Exact reports whether w uses the kernels.
func (w *Writer) Exact() bool { return w.exact }
