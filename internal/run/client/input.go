package client

import (
	"context"
	"os"
	"syscall"
	"time"

	"stoker/internal/run/link"
)

const (
	keyInterrupt = 0x03 // Ctrl-C
	keyDetach    = 0x1a // Ctrl-Z: what people press to get their prompt back

	// secondKey is how long a first Ctrl-C waits for a second one.
	secondKey = 600 * time.Millisecond
)

// input passes stdin on, unless it is not to be read. On a terminal Ctrl-Z leaves
// the run alone, and in an attached client so does Ctrl-C.
func (c *client) input(tty, reads bool) {
	if !reads {
		_ = c.current().Write(link.ClientEnd)
		return
	}
	keys := make(chan []byte)
	go c.readKeys(keys)
	for p := range keys {
		if tty {
			if p = c.commands(p, keys); p == nil {
				return
			}
		}
		if !c.sendInput(p) {
			return
		}
	}
	if !tty {
		_ = c.current().Write(link.ClientEnd)
	}
}

func (c *client) readKeys(keys chan<- []byte) {
	defer close(keys)
	for {
		p := make([]byte, link.InputFrame)
		n, err := c.In.Read(p)
		if n > 0 {
			keys <- p[:n]
		}
		if err != nil {
			return
		}
	}
}

// commands acts on the keys meant for the client and returns the others; nil
// means that the client leaves.
func (c *client) commands(p []byte, keys <-chan []byte) []byte {
	rest := []byte{} // not nil: nil says that the client leaves
	for i := 0; i < len(p); i++ {
		switch b := p[i]; {
		case b == keyDetach:
			c.result <- Result{Detached: true}
			return nil
		case b == keyInterrupt && c.Attach:
			second := i+1 < len(p) && p[i+1] == keyInterrupt
			if !second && !c.second(keys) || !c.ask(keys) {
				c.result <- Result{Detached: true}
				return nil
			}
			i++
		default:
			rest = append(rest, b)
		}
	}
	return rest
}

// second reports whether another Ctrl-C follows soon.
func (c *client) second(keys <-chan []byte) bool {
	select {
	case p, ok := <-keys:
		return ok && len(p) > 0 && p[0] == keyInterrupt
	case <-time.After(secondKey):
		return false
	}
}

// ask asks whether to stop the run; false means to leave it.
func (c *client) ask(keys <-chan []byte) (stay bool) {
	c.message("stop the run? y stops it (with time to save), n stays, any other key detaches")
	p, ok := <-keys
	switch {
	case ok && p[0] == 'y':
		_ = c.current().WriteJSON(link.ClientStop, link.Stop{})
		return true
	case ok && p[0] == 'n':
		return true
	}
	return false
}

// sendInput sends p in frames, each when the child has taken one before.
func (c *client) sendInput(p []byte) bool {
	for len(p) > 0 {
		n := min(len(p), link.InputFrame)
		c.window <- struct{}{}
		_ = c.current().Write(link.ClientInput, p[:n]) // a lost connection is receive's business
		p = p[n:]
	}
	return true
}

// signals passes on what this process gets. A hang-up ends only the client.
func (c *client) signals(ctx context.Context) {
	for {
		select {
		case sig := <-c.Signals:
			c.signal(sig)
		case <-ctx.Done():
			return
		}
	}
}

func (c *client) signal(sig os.Signal) {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return
	}
	switch s {
	case syscall.SIGWINCH:
		c.resized()
	case syscall.SIGHUP:
		c.result <- Result{HungUp: true}
	case syscall.SIGPIPE, syscall.SIGCHLD, syscall.SIGURG:
	default:
		if c.Attach {
			c.result <- Result{Detached: true}
			return
		}
		_ = c.current().WriteJSON(link.ClientKill, link.Kill{Signal: int(s)})
	}
}

func (c *client) resized() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paint == nil {
		return
	}
	cols, rows := Size(c.painted)
	if cols == 0 {
		return
	}
	_ = c.current().WriteJSON(link.ClientSize, link.Size{Cols: cols, Rows: rows})
	c.paint.resize(cols, rows)
	c.drawBar()
}
