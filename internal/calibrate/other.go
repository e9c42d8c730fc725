//go:build !linux

package calibrate

import "os"

// Elsewhere than on Linux nothing can be dropped from the page cache: the cold
// figures are said not to be cold, and no thread is bound to a core. Untested.

func adviseRandom(*os.File)                            {}
func writeBack(*os.File, int64, int64)                 {}
func drop(*os.File, int64, int64)                      {}
func cachedShare([]extent) float64                     { return -1 }
func mountOf(string) (kind, from string, network bool) { return "", "", false }
func freeBytes(string) (int64, bool)                   { return 0, false }
func twoCores() (a, b int)                             { return -1, -1 }
func pin(int)                                          {}
