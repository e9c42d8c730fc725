// Package daemon runs the engine's sessions for clients at Unix sockets, as
// docs/protocol.md describes.
//
// Every connection is one session with its own goroutines: a reader that takes
// the client's messages, and a pump that hands batches out. A client that dies,
// sends nonsense, or whose session fails ends its own connection and nothing
// else. Serve owns them all and returns when they are gone.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"stoker/internal/engine"
	"stoker/internal/errs"
	"stoker/internal/shm"
)

// Options describe a server.
type Options struct {
	Version string         // of this build; told to clients
	Budget  *engine.Budget // shared by all sessions
	Cache   string         // folder for what sessions keep of data used in place; "" is none

	// IdleAfter is how long the server stays without a client (default 0.5 s);
	// FirstIdle is that before the first one came (default 10 s).
	IdleAfter, FirstIdle time.Duration

	Log func(format string, args ...any) // what happened, for whoever started the engine; may be nil

	// hooks of tests
	openSource func(path string) (engine.Source, error)
}

// server is one run of Serve.
type server struct {
	Options
	listener *net.UnixListener

	mu      sync.Mutex
	clients map[*client]struct{} // guarded by mu
	lines   []string             // guarded by mu: the last of the log
}

// Serve answers clients until none is left, or ctx ends. It closes l.
func Serve(ctx context.Context, l *net.UnixListener, o Options) error {
	s := &server{Options: o.withDefaults(), listener: l, clients: make(map[*client]struct{})}
	defer l.Close() //nolint:errcheck // the engine is ending
	stop := context.AfterFunc(ctx, func() {
		l.Close() //nolint:errcheck // wakes Accept
	})
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	s.idle(s.FirstIdle)
	for {
		conn, err := l.AcceptUnix()
		switch {
		case err == nil:
			c := s.join(conn)
			all.Go(func() {
				defer s.leave(c)
				c.run(ctx)
			})
		case errors.Is(err, os.ErrDeadlineExceeded):
			if s.alone() {
				return nil
			}
		case ctx.Err() != nil:
			return nil
		case scarce(err):
			s.log("a client must wait: %v", err)
			pause(ctx)
		default:
			return errs.New(errs.Internal, "cannot accept clients: %w", err)
		}
	}
}

// scarce reports whether err passes when others give back what they use.
func scarce(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// pause waits a moment before accepting again; the clients are queued meanwhile.
func pause(ctx context.Context) {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
	}
}

func (o Options) withDefaults() Options {
	if o.Budget == nil {
		o.Budget = engine.NewBudget(0, 0)
	}
	if o.IdleAfter == 0 {
		o.IdleAfter = 500 * time.Millisecond
	}
	if o.FirstIdle == 0 {
		o.FirstIdle = 10 * time.Second
	}
	return o
}

// keptLines is how much of the log is kept for messages about bugs: a detached
// engine has no other place for it.
const keptLines = 20

// log notes what happened.
func (s *server) log(format string, args ...any) {
	if s.Log != nil {
		s.Log(format, args...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == keptLines {
		s.lines = s.lines[1:]
	}
	s.lines = append(s.lines, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// explain adds the end of the log to the error of a bug.
func (s *server) explain(err error) error {
	if !errs.Is(err, errs.Internal) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := errs.New(errs.Internal, "%w", err)
	e.Msg += "\nthe engine's last lines:\n  " + strings.Join(s.lines, "\n  ")
	return e
}

// idle lets Accept give up after d, or never where d is 0.
func (s *server) idle(d time.Duration) {
	var deadline time.Time
	if d > 0 {
		deadline = time.Now().Add(d)
	}
	s.listener.SetDeadline(deadline) //nolint:errcheck // fails only on a closed listener, which Accept reports
}

func (s *server) join(conn *net.UnixConn) *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &client{server: s, conn: conn, notices: make(chan engine.Notice, 16)}
	s.clients[c] = struct{}{}
	s.idle(0)
	return c
}

func (s *server) leave(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	if len(s.clients) == 0 {
		s.idle(s.IdleAfter)
	}
}

func (s *server) alone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients) == 0
}

// checkPeer refuses other users: who may connect may read what this user may.
func checkPeer(conn *net.UnixConn) (shm.Peer, error) {
	peer, err := shm.PeerOf(conn)
	if err != nil {
		return peer, err
	}
	if peer.UID != os.Getuid() {
		return peer, errs.New(errs.Permission, "this engine belongs to user %d, the client to user %d", os.Getuid(), peer.UID).
			WithHint("every user gets an engine of their own; is STOKER_ENGINE set to another's?")
	}
	return peer, nil
}
