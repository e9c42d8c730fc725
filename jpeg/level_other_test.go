//go:build !amd64 || noasm

package jpeg

import "testing"

func eachLevel(t *testing.T, test func(t *testing.T)) { t.Run("generic", test) }

func compareGeneric(t *testing.T, src []byte, want picture) {}
