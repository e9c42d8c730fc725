package link

import (
	"encoding/json"
	"time"

	"stoker/internal/run/rundir"
)

// Frames from client to supervisor.
const (
	ClientHello = 'H' // Greeting, must come first
	ClientInput = 'i' // bytes for the child's stdin, at most InputFrame; answered by InputTaken
	ClientEnd   = 'e' // end of a piped stdin
	ClientSize  = 'w' // Size
	ClientKill  = 'k' // Kill: a signal for the child, as the client itself got it
	ClientStop  = 'S' // Stop
)

// Frames from supervisor to client.
const (
	Welcome    = 'v' // Reply
	Output     = 'd' // uint64 offset, byte (0 standard output, 1 standard error), bytes
	StatusNow  = 't' // rundir.Status
	InputTaken = 'a'
	Message    = 'm' // one line from Stoker itself
	Bell       = 'B' // something happened that is worth a look
	Ended      = 'X' // rundir.End; after the last output
)

// Input is given in frames of at most InputFrame bytes, at most InputWindow of
// them not yet taken by the child: a child that does not read holds its
// client's input up, and nothing else.
const (
	InputFrame  = 4096
	InputWindow = 16
)

// Greeting opens a client's connection.
type Greeting struct {
	Version int  `json:"version"`
	Attach  bool `json:"attach"` // false: the client that started the run and wants its output from the start
	Cols    int  `json:"cols"`   // of the client's terminal; 0: it has none
	Rows    int  `json:"rows"`
	// From is where a client whose supervisor died goes on; it has all output
	// before that.
	From *int64 `json:"from,omitempty"`
}

// Reply answers a greeting.
type Reply struct {
	Version int         `json:"version"`
	Spec    rundir.Spec `json:"spec"`
	Screen  string      `json:"screen,omitempty"` // what an attaching terminal shows first
	Offset  int64       `json:"offset"`           // of the output that follows
}

// Size is that of the client's terminal.
type Size struct {
	Cols int `json:"cols"`
	Rows int `json:"rows"`
}

// Kill names a signal.
type Kill struct {
	Signal int `json:"signal"`
}

// Stop asks for the run's end: an interrupt, time to save, then harder. A second
// request skips the wait.
type Stop struct {
	Grace time.Duration `json:"grace"`
	Now   bool          `json:"now"` // kill at once
}

// DecodeJSON unpacks a payload; a damaged one leaves v as it was.
func DecodeJSON(p []byte, v any) bool { return json.Unmarshal(p, v) == nil }
