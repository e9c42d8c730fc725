//go:build !linux

package dataset

import "os"

// adviseRandom does nothing: there is no call for it.
func adviseRandom(*os.File) {}
