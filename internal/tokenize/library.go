package tokenize

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"stoker/internal/dataset"
	"stoker/internal/errs"
)

//go:embed worker.py
var workerScript string

// LibraryOptions says how the tokenizers library is to be run.
type LibraryOptions struct {
	Python    string // interpreter; "" = $STOKER_PYTHON, else python3
	MaxLength int    // tokens, special ones included, at which texts are cut; 0 = as the tokenizer.json says
	NoSpecial bool   // without the special tokens that the tokenizer adds
}

// Library is a tokenizer.json, encoded by the tokenizers library. Each of its
// encoders is a process of its own, so that as many cores work as there are
// encoders, and nothing of it is computed otherwise than the library does.
type Library struct {
	Version string   // of the library
	Notes   []string // sentences for the user

	opts     LibraryOptions
	file     []byte
	settings []byte // first message to a worker
	hello    hello
	spare    chan *worker // the one that was started to ask
}

// hello is a worker's first answer.
type hello struct {
	Missing    string           `json:"missing"`
	Python     string           `json:"python"`
	Error      string           `json:"error"`
	Version    string           `json:"version"`
	Vocabulary int64            `json:"vocabulary"`
	MaxLength  int              `json:"max_length"`
	Special    map[string]int64 `json:"special"`
}

// OpenLibrary starts a worker to find out whether the library is there and reads
// the tokenizer.json. Errors: NotFound (no interpreter, no library), Invalid (the
// library refuses the file).
func OpenLibrary(ctx context.Context, file []byte, o LibraryOptions) (*Library, error) {
	if o.Python == "" {
		o.Python = os.Getenv("STOKER_PYTHON")
	}
	if o.Python == "" {
		o.Python = "python3"
	}
	settings, err := json.Marshal(map[string]any{"max_length": o.MaxLength, "special": !o.NoSpecial})
	if err != nil {
		return nil, errs.New(errs.Internal, "%w", err)
	}
	l := &Library{opts: o, file: file, settings: settings, spare: make(chan *worker, 1)}
	w, err := l.start(ctx)
	if err != nil {
		return nil, err
	}
	l.spare <- w
	l.Version = l.hello.Version
	if o.MaxLength == 0 && l.hello.MaxLength > 0 {
		l.Notes = append(l.Notes, fmt.Sprintf("the tokenizer cuts texts at %d tokens; --max-length sets another length", l.hello.MaxLength))
	}
	return l, nil
}

// Describe implements Tokenizer. Ids of special tokens are found by their names.
func (l *Library) Describe() (dataset.Tokens, []byte) {
	t := dataset.Tokens{Tokenizer: "tokenizer.json", Vocabulary: l.hello.Vocabulary, File: "tokenizer.json"}
	for _, find := range []struct {
		to    **int64
		names []string
	}{
		{&t.Pad, []string{"[PAD]", "<pad>", "<|pad|>"}},
		{&t.Start, []string{"[CLS]", "<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>"}},
		{&t.End, []string{"[SEP]", "</s>", "<eos>", "<|endoftext|>", "<|end_of_text|>"}},
		{&t.Unknown, []string{"[UNK]", "<unk>"}},
	} {
		for _, name := range find.names {
			if n, ok := l.hello.Special[name]; ok {
				*find.to = id(n)
				break
			}
		}
	}
	return t, l.file
}

// Encoder implements Tokenizer: it starts a process, or takes the first one.
func (l *Library) Encoder(ctx context.Context) (Encoder, error) {
	select {
	case w := <-l.spare:
		return w, nil
	default:
		w, err := l.start(ctx)
		if err != nil {
			return nil, err
		}
		return w, nil
	}
}

// Close ends the worker that was started to ask, where no encoder took it.
func (l *Library) Close() error {
	select {
	case w := <-l.spare:
		return w.Close()
	default:
		return nil
	}
}

// worker is a running process.
type worker struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr tail
	close  func() error

	send, receive sync.Mutex
	buf           []byte // guarded by send
}

// start starts a worker and exchanges the first messages.
func (l *Library) start(ctx context.Context) (*worker, error) {
	w := &worker{cmd: exec.CommandContext(ctx, l.opts.Python, "-c", workerScript)}
	w.cmd.Stderr = &w.stderr
	w.cmd.WaitDelay = time.Second
	in, err := w.cmd.StdinPipe()
	if err != nil {
		return nil, errs.New(errs.Internal, "%w", err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, errs.New(errs.Internal, "%w", err)
	}
	w.in, w.out = in, bufio.NewReaderSize(out, 256<<10)
	if err := w.cmd.Start(); err != nil {
		return nil, errs.New(errs.NotFound, "cannot run Python for the tokenizer: %w", err).
			WithHint("name an interpreter with --python, such as --python .venv/bin/python, or in STOKER_PYTHON")
	}
	w.close = sync.OnceValue(func() error {
		_ = w.in.Close() // it ends with its input
		return w.cmd.Wait()
	})
	if err := w.greet(l); err != nil {
		_ = w.close()
		return nil, err
	}
	return w, nil
}

func (w *worker) greet(l *Library) error {
	for _, part := range [][]byte{l.settings, l.file} {
		if _, err := w.in.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(part))), part...)); err != nil {
			return w.died(err)
		}
	}
	data, err := w.frame()
	if err != nil {
		return w.died(err)
	}
	var h hello
	if err := json.Unmarshal(data, &h); err != nil {
		return errs.New(errs.Internal, "the tokenizer process answers %q: %w", data, err)
	}
	switch {
	case h.Missing != "":
		return errs.New(errs.NotFound, "the Python library tokenizers cannot be used: %s", h.Missing).
			WithHint("install it: %s -m pip install tokenizers; or name another interpreter with --python or STOKER_PYTHON", h.Python)
	case h.Error != "":
		return errs.New(errs.Invalid, "the tokenizers library refuses the tokenizer.json: %s", h.Error)
	}
	if l.hello.Version == "" {
		l.hello = h
	}
	return nil
}

// maxFrame bounds what a worker can make us allocate for one message.
const maxFrame = 1 << 30

var errFrame = errors.New("a message of impossible size")

// frame reads a message that begins with its size.
func (w *worker) frame() ([]byte, error) {
	n, err := w.u32()
	if err != nil {
		return nil, err
	}
	if n > maxFrame {
		return nil, errFrame
	}
	data := make([]byte, n)
	_, err = io.ReadFull(w.out, data)
	return data, err
}

func (w *worker) u32() (uint32, error) {
	var b [4]byte
	_, err := io.ReadFull(w.out, b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

// Encode implements Encoder. Several goroutines may use it: while the process works
// on one batch, the next waits in its input, so that it need not wait for us.
func (w *worker) Encode(texts [][]byte, ids *IDs) error {
	ids.reset()
	w.send.Lock()
	err := w.ask(texts)
	w.receive.Lock() // before the next asks: answers come in the order of the questions
	defer w.receive.Unlock()
	w.send.Unlock()
	if err == nil {
		err = w.answers(len(texts), ids)
	}
	if err != nil {
		return w.died(err)
	}
	return nil
}

// ask writes a batch.
func (w *worker) ask(texts [][]byte) error {
	b := binary.LittleEndian.AppendUint32(w.buf[:0], uint32(len(texts)))
	for _, t := range texts {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(t)))
	}
	for _, t := range texts {
		b = append(b, t...)
	}
	w.buf = b
	// The process reads a whole batch before it answers, and its answer to the batch
	// before is being read: neither waits for the other for ever.
	_, err := w.in.Write(b)
	return err
}

const failedText = 0xFFFFFFFF

// answers reads the counts and the ids of n texts.
func (w *worker) answers(n int, ids *IDs) error {
	if got, err := w.u32(); err != nil || int(got) != n {
		return cmp.Or(err, fmt.Errorf("ids of %d texts instead of %d", got, n))
	}
	counts := make([]uint32, n)
	if err := binary.Read(w.out, binary.LittleEndian, counts); err != nil {
		return err
	}
	for i, count := range counts {
		if count == failedText {
			why, err := w.frame()
			if err != nil {
				return err
			}
			for len(ids.Bad) < n {
				ids.Bad = append(ids.Bad, nil)
			}
			ids.Bad[i] = errs.New(errs.Invalid, "the tokenizers library: %s", why)
			ids.Ends = append(ids.Ends, len(ids.Flat))
			continue
		}
		if count > maxFrame/4 {
			return errFrame
		}
		if err := w.ids(int(count), ids); err != nil {
			return err
		}
		ids.Ends = append(ids.Ends, len(ids.Flat))
	}
	return nil
}

// ids reads so many ids.
func (w *worker) ids(count int, ids *IDs) error {
	for count > 0 {
		some := min(count, w.out.Size()/4)
		data, err := w.out.Peek(4 * some)
		if err != nil {
			return err
		}
		for i := range some {
			ids.Flat = append(ids.Flat, binary.LittleEndian.Uint32(data[4*i:]))
		}
		_, _ = w.out.Discard(4 * some) // peeked: cannot fail
		count -= some
	}
	return nil
}

// Close ends the process and waits for it.
func (w *worker) Close() error {
	_ = w.close() // how it ended does not matter once it is not needed
	return nil
}

// died explains why a worker no longer answers.
func (w *worker) died(err error) error {
	ended := w.close()
	if ended == nil {
		ended = err
	}
	said := w.stderr.lastLine()
	if said != "" {
		said = ": " + said
	}
	return errs.New(errs.Exhausted, "the tokenizer process ended (%w)%s", ended, said).
		WithHint("where memory is short, use fewer: --workers 1; run the same command again to continue")
}

// tail keeps the end of what a process says.
type tail struct {
	mu   sync.Mutex
	data []byte // guarded by mu
}

const tailBytes = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if len(t.data) > tailBytes {
		t.data = append(t.data[:0], t.data[len(t.data)-tailBytes/2:]...)
	}
	return len(p), nil
}

func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := bytes.Split(bytes.TrimSpace(t.data), []byte("\n"))
	return strings.ToValidUTF8(string(lines[len(lines)-1]), "?")
}
