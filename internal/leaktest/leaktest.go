// Package leaktest ends a package's tests with a look for goroutines that they left
// behind.
package leaktest

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a goroutine that is about to end may take. goleak itself gives
// it half a second: less than it takes, on a machine that others use too, until the
// system runs the thread that it is on.
const patience = 30 * time.Second

// Main runs the tests and exits; it stands for goleak.VerifyTestMain.
func Main(m *testing.M, options ...goleak.Option) {
	goleak.VerifyTestMain(patient{m, options}, options...)
}

type patient struct {
	m       *testing.M
	options []goleak.Option
}

// Run runs the tests, then waits for what they started.
func (p patient) Run() int {
	code := p.m.Run()
	for deadline := time.Now().Add(patience); code == 0 && time.Now().Before(deadline); {
		if goleak.Find(p.options...) == nil { // it waits a little itself
			break
		}
	}
	return code
}
