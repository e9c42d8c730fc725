package hold

import (
	"encoding/binary"
	"time"

	"stoker/internal/run/procs"
	"stoker/internal/run/stream"
)

// Frames from supervisor to holder.
const (
	From     = 'f' // uint64 offset: send the output from there on; must come first
	Start    = 's' // Command
	Input    = 'i' // bytes for the child's stdin; each frame is answered by Ack
	EndInput = 'e'
	Window   = 'w' // Size
	Signal   = 'k' // SignalRequest
	Quit     = 'q' // the run is over: leave
)

// Frames from holder to supervisor.
const (
	Hello  = 'h' // State
	Data   = 'd' // uint64 offset, int64 time (ns since 1970, 0 unknown), byte source, bytes
	Began  = 'b' // State
	Exited = 'x' // State, sent after the last byte of the attempt
	Failed = 'F' // State: the command could not be started, with Error
	Ack    = 'a' // one Input frame was taken by the child's terminal
)

// Command asks the holder to start the child. It inherits the holder's own
// environment and gets Env besides, but for names that are already set. Paths are
// lists of directories, "PYTHONPATH=dir", that are put before what is there.
type Command struct {
	Attempt int      `json:"attempt"`
	Argv    []string `json:"argv"`
	Env     []string `json:"env,omitempty"`
	Paths   []string `json:"paths,omitempty"`
	Size    Size     `json:"size"`
}

// Size is that of a terminal, in character cells.
type Size struct {
	Cols int `json:"cols"`
	Rows int `json:"rows"`
}

// SignalRequest names a signal. All reaches every process of the child's
// session and its descendants; otherwise the foreground group of the terminal,
// as a key press would.
type SignalRequest struct {
	Signal int  `json:"signal"`
	All    bool `json:"all"`
}

// State is what the holder knows of the child.
type State struct {
	Holder  procs.ID  `json:"holder"`
	Child   procs.ID  `json:"child"`
	Attempt int       `json:"attempt"` // 0: nothing was started yet
	Running bool      `json:"running"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended,omitzero"`
	Code    int       `json:"code"`             // of the last attempt that ended; 128 + signal when killed
	Signal  int       `json:"signal,omitempty"` // 0: it exited by itself
	OOM     bool      `json:"oom,omitempty"`    // the cgroup's count of out-of-memory kills grew meanwhile
	Output  int64     `json:"output"`           // offset of the attempt's first byte
	Error   string    `json:"error,omitempty"`
	Left    int       `json:"left,omitempty"` // processes of the session that outlived the child
}

// dataHead packs the head of a Data frame.
func dataHead(c stream.Chunk) []byte {
	head := binary.LittleEndian.AppendUint64(nil, uint64(c.Offset))
	ns := int64(0)
	if !c.Time.IsZero() {
		ns = c.Time.UnixNano()
	}
	return append(binary.LittleEndian.AppendUint64(head, uint64(ns)), byte(c.Source))
}

// ParseData unpacks a Data frame; its Data is valid as long as payload is. ok is
// false for a damaged one.
func ParseData(payload []byte) (c stream.Chunk, ok bool) {
	if len(payload) < 17 {
		return c, false
	}
	c.Offset = int64(binary.LittleEndian.Uint64(payload))
	if ns := int64(binary.LittleEndian.Uint64(payload[8:])); ns != 0 {
		c.Time = time.Unix(0, ns)
	}
	c.Source, c.Data = stream.Source(payload[16]), payload[17:]
	return c, true
}
