package rundir

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"os"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/procs"
)

// Status is the last known state of a run, rewritten about once a second.
type Status struct {
	Updated    time.Time       `json:"updated"`
	Phase      Phase           `json:"phase"`
	Attempt    int             `json:"attempt"` // from 1; more than 1 after restarts
	Supervisor procs.ID        `json:"supervisor"`
	Holder     procs.ID        `json:"holder"`
	Child      procs.ID        `json:"child"`
	Started    time.Time       `json:"started"`
	Progress   json.RawMessage `json:"progress,omitempty"` // estimate.Status
	DataWait   *float64        `json:"data_wait,omitempty"`
	Checkpoint *Checkpoint     `json:"checkpoint,omitempty"`
	Stall      string          `json:"stall,omitempty"` // what the run was doing when it stopped moving; "" when it moves
	End        *End            `json:"end,omitempty"`
}

// Phase is where a run is in its life.
type Phase string

// The states. Lost and Rebooted are never written: they are concluded by a
// reader (Judge).
const (
	Starting   Phase = "starting"
	Running    Phase = "running"
	Stopping   Phase = "stopping"
	Waiting    Phase = "waiting" // between a failure and its restart
	Ended      Phase = "ended"
	Unattended Phase = "unattended" // the child goes on, its supervisor does not
	Lost       Phase = "lost"       // every process is gone and none wrote the end
	Rebooted   Phase = "rebooted"   // the machine was restarted meanwhile
	Elsewhere  Phase = "elsewhere"  // started on another machine that shares this directory
)

// Over reports whether nothing of the run can still be running here.
func (s Phase) Over() bool { return s == Ended || s == Lost || s == Rebooted }

// Checkpoint is the newest safe point of the run.
type Checkpoint struct {
	Path string    `json:"path"`
	Time time.Time `json:"time"`
	Step int64     `json:"step,omitempty"` // the run's step when it was written; 0 unknown
}

// End is how a run, or one attempt of it, ended.
type End struct {
	Time    time.Time `json:"time"`
	Code    int       `json:"code"`             // exit status; 128 + signal when killed
	Signal  int       `json:"signal,omitempty"` // 0: it exited by itself
	Cause   string    `json:"cause,omitempty"`  // package cause
	Text    string    `json:"text,omitempty"`   // one sentence for people
	Advice  string    `json:"advice,omitempty"`
	Curable bool      `json:"curable,omitempty"` // a restart can help
	Last    []string  `json:"last,omitempty"`    // last lines of output
}

// slotBytes is the size of each of the two slots of the status file.
const slotBytes = 64 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// StatusFile is the status of one run: two slots written in turn, each with a
// sequence number and a checksum, so that a write torn at any byte leaves the
// one before readable, and nothing grows.
type StatusFile struct {
	file *os.File
	seq  uint64
	buf  []byte
}

// CreateStatus opens the status file for writing.
func CreateStatus(path string) (*StatusFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errs.New(errs.Permission, "open status: %w", err).At(path)
	}
	// The whole file is written once now: later writes take no new space, so that
	// a disk that fills up meanwhile does not stop them.
	if info, err := f.Stat(); err == nil && info.Size() < 2*slotBytes {
		if _, err := f.WriteAt(make([]byte, 2*slotBytes-info.Size()), info.Size()); err != nil {
			f.Close()
			return nil, errs.New(errs.Exhausted, "write status: %w", err).At(path)
		}
	}
	_, seq, _ := readSlots(f)
	return &StatusFile{file: f, seq: seq, buf: make([]byte, slotBytes)}, nil
}

// Write stores s; sync waits for the disk.
func (w *StatusFile) Write(s *Status, sync bool) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return errs.New(errs.Internal, "encode status: %w", err)
	}
	if len(raw) > slotBytes-16 && s.End != nil {
		slim, end := *s, *s.End
		end.Last, slim.End, slim.Progress = nil, &end, nil
		raw, err = json.Marshal(&slim)
		if err != nil {
			return errs.New(errs.Internal, "encode status: %w", err)
		}
	}
	if len(raw) > slotBytes-16 {
		return errs.New(errs.Internal, "status has %d bytes, the limit is %d", len(raw), slotBytes-16)
	}
	w.seq++
	binary.LittleEndian.PutUint64(w.buf, w.seq)
	binary.LittleEndian.PutUint32(w.buf[8:], uint32(len(raw)))
	n := 16 + copy(w.buf[16:], raw)
	binary.LittleEndian.PutUint32(w.buf[12:], sum(w.buf[:n]))
	if _, err := w.file.WriteAt(w.buf[:n], int64(w.seq%2)*slotBytes); err != nil {
		return errs.New(errs.Exhausted, "write status: %w", err).At(w.file.Name())
	}
	if sync {
		if err := w.file.Sync(); err != nil {
			return errs.New(errs.Exhausted, "sync status: %w", err).At(w.file.Name())
		}
	}
	return nil
}

// Close closes the file.
func (w *StatusFile) Close() error { return w.file.Close() }

// sum covers a slot's header and body, less the field that holds it.
func sum(slot []byte) uint32 {
	return crc32.Update(crc32.Checksum(slot[:12], castagnoli), castagnoli, slot[16:])
}

// ReadStatus returns the newest whole status, or errs.NotFound.
func ReadStatus(path string) (Status, error) {
	f, err := os.Open(path)
	if err != nil {
		return Status{}, errs.New(errs.NotFound, "no status: %w", err).At(path)
	}
	defer f.Close()
	s, _, ok := readSlots(f)
	if !ok {
		return Status{}, errs.New(errs.NotFound, "no whole status").At(path)
	}
	return s, nil
}

func readSlots(f *os.File) (newest Status, seq uint64, ok bool) {
	buf := make([]byte, 2*slotBytes)
	n, _ := f.ReadAt(buf, 0)
	for slot := range 2 {
		b := buf[slot*slotBytes : (slot+1)*slotBytes]
		if n < slot*slotBytes+16 {
			continue
		}
		size := int(binary.LittleEndian.Uint32(b[8:]))
		at := binary.LittleEndian.Uint64(b)
		if size > slotBytes-16 || at <= seq || sum(b[:16+size]) != binary.LittleEndian.Uint32(b[12:]) {
			continue
		}
		var s Status
		if json.Unmarshal(b[16:16+size], &s) == nil {
			newest, seq, ok = s, at, true
		}
	}
	return newest, seq, ok
}

// Judge concludes what is true of a run now from what was last written and from
// the processes that live. alive is procs.ID.Alive but in tests.
func Judge(spec Spec, last Status, host, bootID string, alive func(procs.ID) bool) Phase {
	switch {
	case last.Phase == Ended:
		return Ended
	case spec.Host != host:
		return Elsewhere
	case spec.BootID != bootID:
		return Rebooted
	case alive(last.Supervisor):
		return last.Phase
	case alive(last.Holder) || alive(last.Child):
		return Unattended
	}
	return Lost
}
