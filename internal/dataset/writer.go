package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"unicode/utf8"

	"stoker/internal/arrowipc"
	"stoker/internal/codec"
	"stoker/internal/errs"
)

// Defaults of WriterOptions, and the size at which a batch ends early.
const (
	DefaultShardBytes = 512 << 20
	DefaultBatchRows  = 64

	// DefaultSequenceRows is DefaultBatchRows for sequences, which are smaller.
	DefaultSequenceRows = 1024

	// maxBatchBytes bounds the memory of a Writer: a batch ends where the blobs
	// would pass it. A larger blob gets a batch of its own.
	maxBatchBytes = 64 << 20

	// bodyAlign is the page size, so that bodies can be mapped and read directly.
	bodyAlign = 4096
)

// WriterOptions says what a Writer writes. All but Overwrite and Restart is
// recorded: an unfinished dataset is continued only with equal options.
type WriterOptions struct {
	Kind       string   // KindImages, the default, or KindSequences
	Classes    []string // names of the labels 0, 1, ...
	Fields     []Field  // further fields: name and type
	CreatedBy  string   // "stoker 0.1.0"
	Options    any      // JSON for the manifest: how the samples were made
	Source     string   // identifies the source, so that another one is not mixed in; not kept in the dataset
	ShardBytes int64    // a shard ends before it would pass this; 0 = 512 MiB
	BatchRows  int      // rows of a record batch; 0 = 64, of sequences 1,024
	Overwrite  bool     // replace a dataset of that name, in one step, at Commit
	Restart    bool     // drop an unfinished dataset of that name instead of continuing it

	Sequence  *Sequence // of kind "sequences"
	Tokens    *Tokens   // where they are token ids
	TokenFile []byte    // content of Tokens.File; the Writer fills in its size and hash

	open openFunc // for tests with faulty files
}

// Row is one sample to be written. Append reads it and keeps nothing of it.
type Row struct {
	Key           string // stable name, unique in the dataset: a relative path with /
	Label         int64  // class number, -1 where there is none
	Width, Height int    // stored pixels, before orientation
	Orientation   uint8  // EXIF orientation, 1 to 8
	Format        codec.Format
	Blob          []byte
	CRC           uint32  // CRC-32C of Blob: see CRC32C
	Values        []Value // of the further fields, in order
	Text          string  // of a sequence, where Sequence.Text is set: UTF-8

	// Position is how far the source was read once this row is. It is the caller's
	// own count, for Writer.Position.
	Position int64
}

// BadRow is one line of the ledger: what could not be written, and why.
type BadRow struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`

	Position int64 `json:"-"` // as Row.Position
}

// Writer writes a dataset. One goroutine at a time may use it; it starts none.
//
// Rows reach the disk a batch at a time. Until Commit everything lies in
// NAME.partial, and whatever happens to the process, the next NewWriter on the
// same target with the same options continues behind the last complete batch:
// it reports how much of the source that covers (Done), and the files come out
// byte for byte as without the interruption.
type Writer struct {
	target, partial string
	overwrite       bool
	open            openFunc
	exchange        func(a, b string) error
	head            journalHead
	lock            *os.File
	journal         *output
	schema          *arrowipc.Schema
	batch           *arrowipc.Builder
	shard           *shardFile // nil between shards
	finished        []FileInfo
	layout          *layout
	tokenFile       []byte
	entropy         *Entropy // see IndexEntropy
	rows            int64    // on disk and in batch
	position        int64    // of the last row or bad row
	bad             []BadRow // journaled
	newBad          []BadRow // to be journaled with the next batch
	err             error    // of a failed write: nothing works any more
	closed          bool
}

// shardFile is the shard being written.
type shardFile struct {
	output
	arrow  *arrowipc.Writer
	number int
	rows   int64
}

// NewWriter begins the dataset dir, or continues an unfinished one. The folder
// that holds dir must exist. Errors: Invalid (dir exists and Overwrite is not
// set), Transient (another process writes to it; the text names its pid),
// Mismatch (unfinished with other options), Permission, Exhausted.
func NewWriter(dir string, o WriterOptions) (*Writer, error) {
	w := &Writer{target: filepath.Clean(dir), overwrite: o.Overwrite, open: o.open, exchange: exchange}
	if real, err := filepath.EvalSymlinks(w.target); err == nil {
		w.target = real // a link stays, what it points to is replaced
	}
	w.partial = w.target + partialSuffix
	if w.open == nil {
		w.open = openFile
	}
	if err := w.configure(o); err != nil {
		return nil, err
	}
	if err := CheckTarget(w.target, o.Overwrite); err != nil {
		return nil, err
	}
	lock, err := lockPartial(w.partial)
	if err != nil {
		return nil, err
	}
	w.lock = lock
	if err := w.begin(o.Restart); err != nil {
		_ = w.Close()
		return nil, err
	}
	return w, nil
}

// configure validates the options and fills in their defaults.
func (w *Writer) configure(o WriterOptions) error {
	var err error
	if w.layout, err = newLayout(o.Kind, o.Sequence, o.Fields); err != nil {
		return err
	}
	options, err := json.Marshal(o.Options)
	if err != nil {
		return errs.New(errs.Invalid, "writer options: %w", err)
	}
	if o.Options == nil {
		options = []byte("{}")
	}
	w.head = journalHead{Journal: 1, Source: o.Source, Kind: o.Kind, Classes: o.Classes, Fields: o.Fields,
		CreatedBy: o.CreatedBy, Options: options, ShardBytes: o.ShardBytes, BatchRows: o.BatchRows, Sequence: w.layout.sequence, Tokens: withHash(o.Tokens, o.TokenFile)}
	w.tokenFile = o.TokenFile
	if w.head.Kind == "" {
		w.head.Kind = "images"
	}
	if w.head.Classes == nil {
		w.head.Classes = []string{}
	}
	if w.head.ShardBytes <= 0 {
		w.head.ShardBytes = DefaultShardBytes
	}
	if w.head.BatchRows <= 0 {
		w.head.BatchRows = DefaultBatchRows
		if w.layout.sequence != nil {
			w.head.BatchRows = DefaultSequenceRows
		}
	}
	w.schema = w.layout.shardSchema()
	w.batch = arrowipc.NewBuilder(w.schema)
	return nil
}

// withHash returns t with size and hash of its file.
func withHash(t *Tokens, file []byte) *Tokens {
	if t == nil || t.File == "" {
		return t
	}
	full := *t
	full.Bytes, full.SHA256 = int64(len(file)), hashOf(file)
	return &full
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// writeHolder writes this process's number into the lock file, for lockHolder.
func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return ioError(err, f.Name())
	}
	text := strconv.Itoa(os.Getpid()) + "\n"
	_, err := f.WriteAt([]byte(text), 0)
	return writeError(err, f.Name(), len(text))
}

// Append adds one sample. It returns an error of kind Invalid or Unsupported,
// and adds nothing, where the row cannot be stored (the Writer goes on), and any
// other error where writing failed (the Writer is then of no more use, but what
// it wrote can be continued).
func (w *Writer) Append(r *Row) error {
	if err := w.usable(); err != nil {
		return err
	}
	if err := w.checkRow(r); err != nil {
		return err
	}
	l := w.layout
	n := w.batch.VariableBytes(l.blob())
	if l.blob() != l.text() {
		n += w.batch.VariableBytes(l.text())
	}
	if n > 0 && n+len(r.Blob)+len(r.Text) > maxBatchBytes {
		if err := w.flush(); err != nil {
			return err
		}
	}
	b := w.batch
	b.AppendString(colKey, r.Key)
	b.AppendInt(colLabel, r.Label)
	if l.sequence == nil {
		b.AppendInt(colWidth, int64(r.Width))
		b.AppendInt(colHeight, int64(r.Height))
		b.AppendInt(colOrientation, int64(r.Orientation))
		b.AppendInt(colFormat, int64(r.Format))
	} else if l.sequence.Text {
		b.AppendString(l.text(), r.Text)
	}
	b.AppendInt(l.shardCRC(), int64(r.CRC))
	for i := range r.Values {
		appendValue(b, l.shardFurther()+i, w.head.Fields[i].Type, &r.Values[i])
	}
	b.AppendBytes(l.blob(), r.Blob)
	w.rows++
	w.position = r.Position
	if b.Rows() == w.head.BatchRows {
		return w.flush()
	}
	return nil
}

func (w *Writer) checkRow(r *Row) error {
	if r.Key == "" {
		return errs.New(errs.Invalid, "a sample without a key")
	}
	if err := checkText("the key", r.Key); err != nil {
		return err
	}
	if len(r.Blob) > MaxBlobBytes {
		return errs.New(errs.Unsupported, "the sample has %d bytes, the format allows %d", len(r.Blob), MaxBlobBytes).At(r.Key)
	}
	if s := w.layout.sequence; s != nil {
		if _, whole := w.layout.tokensOf(int64(len(r.Blob))); !whole {
			return errs.New(errs.Internal, "%d bytes are no whole number of elements of %d", len(r.Blob), s.ElementBytes()).At(r.Key)
		}
		if len(r.Text) > MaxBlobBytes || s.Text && !utf8.ValidString(r.Text) {
			return errs.New(errs.Invalid, "the text is not UTF-8, or has more than %d bytes", MaxBlobBytes).At(r.Key)
		}
	}
	if len(r.Values) != len(w.head.Fields) {
		return errs.New(errs.Internal, "%d values for %d fields", len(r.Values), len(w.head.Fields)).At(r.Key)
	}
	for i, f := range w.head.Fields {
		if f.Type == Utf8 {
			if err := checkText("the value of field "+strconv.Quote(f.Name), r.Values[i].Text); err != nil {
				return place(err, r.Key)
			}
		}
	}
	return nil
}

// AppendBad records, in the order of the source, something that could not be
// written. Unlike what Commit is given it survives an interruption.
func (w *Writer) AppendBad(bad BadRow) {
	w.newBad = append(w.newBad, bad)
	w.position = bad.Position
}

// Position returns the Position of the last row or bad row, those of interrupted
// runs included: a source whose rows are not all packed goes on there.
func (w *Writer) Position() int64 { return w.position }

// Done returns how many rows were appended and how many bad ones recorded,
// those of interrupted runs included: after NewWriter, where in the source to go
// on. bad is a copy.
func (w *Writer) Done() (rows int64, bad []BadRow) {
	return w.rows, append(append([]BadRow{}, w.bad...), w.newBad...)
}

// flush writes the collected rows as a record batch and journals it.
func (w *Writer) flush() error {
	if w.batch.Rows() == 0 {
		return nil
	}
	if w.shard != nil && w.shard.rows > 0 && w.shard.arrow.BatchEnd(w.batch) > w.head.ShardBytes {
		if err := w.finishShard(); err != nil {
			return err
		}
	}
	if w.shard == nil {
		if err := w.beginShard(); err != nil {
			return err
		}
	}
	rows := int64(w.batch.Rows())
	block, err := w.shard.arrow.WriteBatch(w.batch)
	if err != nil {
		return w.fail(err)
	}
	w.shard.rows += rows
	if w.batch.Reset(); block.BodyLen > 2*maxBatchBytes { // gives back the memory of a huge blob
		w.batch = arrowipc.NewBuilder(w.schema)
	}
	err = w.record(journalEntry{Batch: &journalBatch{Shard: w.shard.number, Rows: rows, Offset: block.Offset,
		MetaLen: block.MetaLen, BodyLen: block.BodyLen, CRC: Checksum(w.shard.crc), Bad: w.newBad, Position: w.position}})
	w.bad, w.newBad = append(w.bad, w.newBad...), nil
	return err
}

func (w *Writer) beginShard() error {
	number := len(w.finished)
	path := filepath.Join(w.partial, dataName, shardName(number))
	f, err := w.open(path, 0)
	if err != nil {
		return w.fail(writeError(err, path, 0))
	}
	w.shard = &shardFile{output: output{file: f, path: path}, number: number}
	w.shard.arrow, err = arrowipc.NewWriter(&w.shard.output, w.schema, bodyAlign)
	return w.fail(err)
}

// finishShard completes the shard and forces it to the disk, so that after a
// power cut only the last shard of the journal can be torn.
func (w *Writer) finishShard() error {
	s := w.shard
	if err := s.arrow.Finish(); err != nil {
		return w.fail(err)
	}
	info, err := s.output.finish()
	w.shard = nil
	if err != nil {
		return w.fail(err)
	}
	info.Rows = s.rows
	w.finished = append(w.finished, info)
	return w.record(journalEntry{Finished: &info})
}

// record appends an entry to the journal.
func (w *Writer) record(e journalEntry) error {
	line, err := journalLine(e)
	if err == nil {
		_, err = w.journal.Write(line)
	}
	return w.fail(err)
}

// Checkpoint forces what was written to the disk, so that a power cut, too,
// costs only what came after. A mere kill costs at most one batch without it.
func (w *Writer) Checkpoint() error {
	if err := w.usable(); err != nil {
		return err
	}
	if w.shard != nil {
		if err := w.shard.file.Sync(); err != nil {
			return w.fail(writeError(err, w.shard.path, 0))
		}
	}
	return w.fail(writeError(w.journal.file.Sync(), w.journal.path, 0))
}

// fail keeps the first error, after which the Writer refuses to work.
func (w *Writer) fail(err error) error {
	if err != nil && w.err == nil {
		w.err = err
	}
	return err
}

func (w *Writer) usable() error {
	if w.closed {
		return errs.New(errs.Internal, "the dataset writer is closed").At(w.target)
	}
	return w.err
}

// Close ends writing without a dataset and keeps what was written, for the next
// NewWriter on the same target. After Commit or Abort it does nothing.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	var err error
	if w.shard != nil {
		err = w.shard.file.Close()
	}
	if w.journal != nil {
		err = first(err, w.journal.file.Close())
	}
	return ioError(first(err, w.lock.Close()), w.partial)
}

// Abort ends writing and removes what was written.
func (w *Writer) Abort() error {
	if w.closed {
		return nil
	}
	return first(removePartial(w.partial), w.Close())
}
