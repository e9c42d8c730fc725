// Package supervisor is the process that looks after one run: it has a holder
// start the child, reads what the child prints, estimates, notices checkpoints
// and stalls, serves the clients, restarts where that can help, tells people,
// and keeps the last known status and the history.
//
// One goroutine, the loop, owns all state. Others only read sockets and hand
// over what they read.
package supervisor

import (
	"cmp"
	"context"
	"net"
	"os"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/hold"
	"stoker/internal/run/journal"
	"stoker/internal/run/link"
	"stoker/internal/run/procs"
	"stoker/internal/run/progress"
	"stoker/internal/run/rundir"
	"stoker/internal/run/screen"
	"stoker/internal/run/seglog"
	"stoker/internal/run/stream"
)

const (
	memory      = 256 << 10              // output kept in memory for clients
	tailLines   = 400                    // finished lines kept for screens and causes
	pushEvery   = 250 * time.Millisecond // status to clients
	writeEvery  = time.Second            // status to its file
	syncEvery   = 15 * time.Second       // status to the disk: what a power loss may cost
	lookEvery   = 5 * time.Second        // at checkpoints, stalls and the disk
	minCols     = 200                    // of the child's terminal: bars are printed whole
	usualRows   = 24                     // of it, where no client has a terminal
	lingerLimit = time.Minute            // for clients that do not take the last output
	meetLimit   = 20 * time.Second       // for the client that started the run to come
)

// Options of a supervisor.
type Options struct {
	State rundir.State
	Dir   rundir.Dir
	Spec  rundir.Spec
	// StartHolder starts the holder process of the run; it listens when this
	// returns.
	StartHolder func() error
	// Revived says that an earlier supervisor of this run died.
	Revived bool
}

type supervisor struct {
	Options
	lock    *os.File
	journal *journal.Writer
	file    *rundir.StatusFile
	status  rundir.Status

	holder *link.Conn
	frames chan frame // from the holder, one at a time
	taken  chan struct{}
	known  hold.State // the holder's state when we met it: what is older is a replay

	out    *stream.Buffer
	screen *screen.Screen
	clean  *seglog.Writer
	lines  []byte // finished lines that the clean log does not have yet

	clients  map[*client]bool
	met      bool // a client has come
	messages chan message
	inputs   []*client // whose Input frames the holder has not acknowledged yet

	watch   watcher // what is seen of the run: progress, checkpoints, stalls
	probe   probe   // where its time goes
	attempt attempt
	stop    stopper
	record  *recorder
	tell    *teller
	restart <-chan time.Time // set between a failure and its restart

	synced, written, looked time.Time
	dirty                   bool // something changed since the last push
	over, holderGone        bool
	toldNaN                 bool
	unsaved                 error // why the disk does not have the end yet
}

// frame is one frame from the holder; gone says that the connection ended.
type frame struct {
	kind    byte
	payload []byte
	gone    bool
}

// Run supervises the run until its end. ready is called once clients can
// connect.
func Run(ctx context.Context, o Options, ready func()) error {
	s := &supervisor{Options: o, clients: map[*client]bool{}, messages: make(chan message),
		frames: make(chan frame), taken: make(chan struct{})}
	if err := s.open(); err != nil {
		return err
	}
	defer s.close()
	l, err := link.Listen(o.Dir.Sock())
	if err != nil {
		return err
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.meetHolder(); err != nil {
		return s.holderMissing(err)
	}
	defer s.holder.Close()
	s.watch.history = s.learn(ctx)
	s.record = newRecorder(ctx, s.State, s.Spec)
	s.tell = s.newTeller()
	go s.readHolder(ctx)
	go s.accept(ctx, l)
	ready()
	s.loop(ctx)
	if s.over {
		s.farewell()
		s.save()
		if err := s.record.wait(); err != nil {
			s.note("no-history", map[string]string{"error": err.Error()}, false)
		} else {
			s.State.MarkEnded(s.Spec.ID) // else the next `stoker ps` records it
		}
		_ = s.holder.Write(hold.Quit)
	}
	s.tell.close()
	return nil
}

func (s *supervisor) open() (err error) {
	if s.lock, err = s.Dir.Lock(); err != nil {
		return err
	}
	if s.journal, err = journal.Open(s.Dir.Journal()); err != nil {
		return err
	}
	if s.file, err = rundir.CreateStatus(s.Dir.Status()); err != nil {
		return err
	}
	if last, err := rundir.ReadStatus(s.Dir.Status()); err == nil {
		s.status = last
	}
	// A replay writes the clean log again from its beginning.
	if err := os.RemoveAll(s.Dir.Clean()); err != nil {
		return errs.New(errs.Permission, "clean log: %w", err).At(s.Dir.Clean())
	}
	if s.clean, err = seglog.NewWriter(s.Dir.Clean(), s.Spec.CleanCap); err != nil {
		return err
	}
	s.screen = screen.New(tailLines, func(line string) { s.lines = append(append(s.lines, line...), '\n') })
	s.out = stream.New(s.Dir.Raw(), 0, memory)
	s.status.Supervisor = procs.Identify(os.Getpid())
	s.status.Phase, s.status.Started = rundir.Starting, s.Spec.Created
	s.note("supervisor", map[string]any{"pid": os.Getpid(), "revived": s.Revived}, false)
	s.watch = newWatcher(s.Spec)
	return nil
}

func (s *supervisor) close() {
	s.lock.Close()
	s.journal.Close()
	s.file.Close()
	s.clean.Close()
}

// meetHolder connects to the run's holder, starting it the first time.
func (s *supervisor) meetHolder() (err error) {
	if !s.Revived {
		if err := s.StartHolder(); err != nil {
			return err
		}
	}
	if s.holder, err = link.Dial(s.Dir.HoldSock()); err != nil {
		return err
	}
	var from [8]byte // the whole output: what is in the log is replayed
	if err := s.holder.Write(hold.From, from[:]); err != nil {
		return err
	}
	kind, p, err := s.holder.Read()
	if err != nil || kind != hold.Hello || !link.DecodeJSON(p, &s.known) {
		return errs.New(errs.Internal, "the holder did not answer: %v", err)
	}
	s.status.Holder = s.known.Holder
	if s.known.Attempt == 0 {
		return s.begin(1)
	}
	return nil
}

// begin asks the holder for an attempt.
func (s *supervisor) begin(n int) error {
	var env []string
	if s.Spec.Exact {
		env = progress.TqdmEnv()
	}
	c := hold.Command{Attempt: n, Argv: s.argv(), Env: env,
		Size: hold.Size{Cols: max(s.Spec.Cols, minCols), Rows: cmp.Or(s.Spec.Rows, usualRows)}}
	s.putSampler(&c)
	return s.holder.WriteJSON(hold.Start, c)
}

// readHolder hands frames to the loop, one at a time: a payload is valid until
// the loop has taken it.
func (s *supervisor) readHolder(ctx context.Context) {
	for {
		kind, p, err := s.holder.Read()
		select {
		case s.frames <- frame{kind, p, err != nil}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
		select {
		case <-s.taken:
		case <-ctx.Done():
			return
		}
	}
}

func (s *supervisor) accept(ctx context.Context, l *net.UnixListener) {
	for {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		go s.serve(ctx, link.NewConn(raw))
	}
}

func (s *supervisor) loop(ctx context.Context) {
	tick := time.NewTicker(pushEvery)
	defer tick.Stop()
	for !s.over {
		select {
		case f := <-s.frames:
			s.fromHolder(f)
			if !f.gone {
				select {
				case s.taken <- struct{}{}:
				case <-ctx.Done():
				}
			}
		case m := <-s.messages:
			s.fromClient(m)
		case now := <-tick.C:
			s.tick(now)
		case <-s.restart:
			s.again()
		case <-s.stop.timer:
			s.harder()
		case <-ctx.Done():
			return
		}
	}
}

func (s *supervisor) fromHolder(f frame) {
	if f.gone {
		s.holderLost()
		return
	}
	var state hold.State
	switch f.kind {
	case hold.Data:
		if c, ok := hold.ParseData(f.payload); ok {
			s.output(c)
		}
		return
	case hold.Ack:
		if len(s.inputs) > 0 {
			if c := s.inputs[0]; c != nil {
				c.send(link.InputTaken, nil)
			}
			s.inputs = s.inputs[1:]
		}
		return
	}
	if !link.DecodeJSON(f.payload, &state) {
		return
	}
	switch f.kind {
	case hold.Began:
		s.began(state)
	case hold.Exited, hold.Failed:
		s.exited(state)
	}
}

// output takes what the child printed.
func (s *supervisor) output(c stream.Chunk) {
	if c.Time.IsZero() {
		c.Time = time.Now()
	}
	s.out.Append(c.Offset, c.Time, c.Source, c.Data)
	_, _ = s.screen.Write(c.Data)
	s.writeClean()
	s.watch.feed(c.Time, c.Data)
	s.dirty = true
}

// writeClean writes finished lines, many at once. A full disk costs the log, not
// the run.
func (s *supervisor) writeClean() {
	if len(s.lines) > 0 {
		_, _ = s.clean.Write(s.lines)
		s.lines = s.lines[:0]
	}
}

func (s *supervisor) tick(now time.Time) {
	if s.holderGone {
		s.childAlone(now)
		return
	}
	if wait := now.Sub(s.looked); wait >= lookEvery || s.watch.saving && wait >= time.Second {
		s.looked = now
		s.look(now)
	}
	s.lookProbe(now)
	if s.dirty || now.Sub(s.written) >= writeEvery {
		s.refresh(now)
		s.push()
		s.dirty = false
	}
	if now.Sub(s.written) >= writeEvery {
		sync := now.Sub(s.synced) >= syncEvery
		_ = s.file.Write(&s.status, sync)
		s.written = now
		if sync {
			s.synced = now
		}
	}
}

// note journals something that happened.
func (s *supervisor) note(kind string, data any, sync bool) {
	_ = s.journal.Append(time.Now(), kind, data, sync)
}

// say tells attached clients, and the clean log, something that Stoker itself
// has to say.
func (s *supervisor) say(text string) {
	s.note("said", map[string]string{"text": text}, false)
	_, _ = s.clean.Write([]byte("stoker: " + text + "\n"))
	for c := range s.clients {
		c.send(link.Message, []byte(text))
	}
}
