//go:build noasm || !amd64

package pixel

func bestLevel() level { return levelGeneric }

func useLevel(level) {}

// wideAxis is what the assembly needs beside an axis: here nothing.
type wideAxis struct{}

func (*wideAxis) stale() {}
