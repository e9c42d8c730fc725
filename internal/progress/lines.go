package progress

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// lines is the screen of a pipe: a sentence at every tick.
type lines struct {
	mu      sync.Mutex // keeps lines whole
	out     io.Writer
	stop    chan struct{} // closed by close
	stopped chan struct{} // closed by run
}

func newLines(o Options, state func() *snapshot) *lines {
	l := &lines{out: o.Out, stop: make(chan struct{}), stopped: make(chan struct{})}
	go l.run(o.Ticks, state)
	return l
}

func (l *lines) run(ticks <-chan time.Time, state func() *snapshot) {
	defer close(l.stopped)
	if ticks == nil {
		t := time.NewTicker(LineInterval)
		defer t.Stop()
		ticks = t.C
	}
	for {
		select {
		case <-l.stop:
			return
		case <-ticks:
			l.say(state().sentence())
		}
	}
}

func (l *lines) close() {
	close(l.stop)
	<-l.stopped
}

func (l *lines) say(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.out, line) //nolint:errcheck // progress that cannot be shown is no failure of the work
}
