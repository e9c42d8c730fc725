package sampler

// Report is what the sampler saw of one Python process, from its start to
// Updated. It is written by that process itself, so that nothing in it is
// trusted: Read bounds every number, text and list.
type Report struct {
	Version   int               `json:"version"`
	PID       int               `json:"pid"`
	Parent    int               `json:"parent"`
	Role      string            `json:"role"`     // RoleMain, RoleWorker or RoleOther
	Python    string            `json:"python"`   // "3.11.7"
	Packages  map[string]string `json:"packages"` // frameworks that it imported, with versions ("" unknown)
	Started   float64           `json:"started"`  // Unix seconds
	Updated   float64           `json:"updated"`
	Loaders   []Loader          `json:"loaders"` // every input pipeline that was recognised
	Steps     Steps             `json:"steps"`
	Stacks    Stacks            `json:"stacks"`
	Delay     *Delay            `json:"delay,omitempty"`
	Headspace *Headspace        `json:"headspace,omitempty"`
	// Overhead is the share of the process's time that the sampler's own work
	// took, by its own clock: looking, classifying, counting, writing reports.
	Overhead float64   `json:"overhead"`
	Files    []FileUse `json:"files"`         // directories of data files seen open, most often first
	Off      string    `json:"off,omitempty"` // why the sampler switched itself off; "" while it works
	Notes    []string  `json:"notes"`
}

// Roles of a process.
const (
	RoleMain   = "main"   // takes steps, or at least uses a framework
	RoleWorker = "worker" // started by multiprocessing or a DataLoader
	RoleOther  = "other"
)

// Loader is an input pipeline: what it is set to, and how long its consumer
// waited in it. Counts are since the start of the process, over all epochs.
type Loader struct {
	Kind       string   `json:"kind"`       // "torch", "tf.data", "keras", "datasets", "grain", "stoker", ...
	BatchSize  int      `json:"batch_size"` // 0 unknown
	Workers    int      `json:"workers"`    // processes; -1 unknown
	Prefetch   int      `json:"prefetch"`   // batches ahead, of each worker for torch; -1 unknown
	Threads    int      `json:"threads"`    // -1 unknown
	Dataset    string   `json:"dataset"`    // class, "torchvision.datasets.folder.ImageFolder"
	Root       string   `json:"root"`       // directory or file that the dataset reads from, where it says
	Order      string   `json:"order"`      // class of its sampler, where it has one
	Pinned     bool     `json:"pinned"`
	Persistent bool     `json:"persistent"`
	Transforms []string `json:"transforms"` // as they print themselves, in order
	Length     int64    `json:"length"`     // samples; -1 unknown
	Training   bool     `json:"training"`   // the one whose steps Steps counts
	Batches    int64    `json:"batches"`
	// Wait is the time in next() and WaitSquared the sum of its squares, in
	// seconds, the first batch of each epoch apart.
	Wait        float64 `json:"wait"`
	WaitSquared float64 `json:"wait_squared"`
	// Ready is the share of the next() calls that found a batch waiting; -1
	// unknown.
	Ready float64 `json:"ready"`
	// Starts counts iterations begun (epochs), StartSeconds the time from iter()
	// to the first batch, summed: what starting workers anew costs.
	Starts       int64   `json:"starts"`
	StartSeconds float64 `json:"start_seconds"`
}

// Steps are exact: a step lasts from one next() of the training loader to the
// following one in the same epoch. The first 5 of the process, and steps in
// which a validation ran, are left out. Count is 0 where no iterator was
// recognised.
type Steps struct {
	Count      int64        `json:"count"`
	Seconds    Moments      `json:"seconds"`
	Wait       Moments      `json:"wait"`   // time in next() that counts: only while the device had nothing queued, where that can be asked; N 0 if unknown
	Hidden     float64      `json:"hidden"` // seconds in next() that did not count, because the device had work queued
	Unsure     float64      `json:"unsure"` // seconds by which Wait may be wrong either way: the device ran dry at an unknown moment
	Median     float64      `json:"median"` // of Recent
	P95        float64      `json:"p95"`
	WaitMedian float64      `json:"wait_median"`
	Recent     [][2]float64 `json:"recent"` // newest last, at most 2048: seconds, wait
	BatchSize  int          `json:"batch_size"`
	// Validation is the seconds that other loaders than the training one were
	// iterated (validation, test), Validations how often.
	Validation  float64 `json:"validation"`
	Validations int64   `json:"validations"`
	// Epochs are the begin and the end of each iteration over the training loader,
	// in seconds since Started; at most the first 1024.
	Epochs [][2]float64 `json:"epochs"`
}

// Moments are a count, a sum and a sum of squares, in seconds.
type Moments struct {
	N     int64   `json:"n"`
	Sum   float64 `json:"sum"`
	SumSq float64 `json:"sum_sq"`
}

// Stacks are random-interval looks at the main thread. A look weighs 1 plus the
// time that it came late over the mean interval: it is late where a C function
// held the interpreter's lock, and that time belongs to what is then seen.
type Stacks struct {
	Looks   int64              `json:"looks"`
	Seconds float64            `json:"seconds"`  // that the looks cover
	ByClass map[string]float64 `json:"by_class"` // weights, by the Class constants
	// Loop is the same between the first and the last look that saw data work or
	// a wait for data: the training without its start and end. Empty if none did.
	Loop map[string]float64 `json:"loop"`
	// WorkByKind is what data work consists of, here or, in a worker, of all it
	// did: the Kind constants.
	WorkByKind map[string]float64 `json:"work_by_kind"`
	Top        []Frame            `json:"top"` // most frequent leaf functions, heaviest first, at most 20
}

// Classes of looks.
const (
	Waiting    = "data_wait" // waits in a loader
	Working    = "data_work" // decodes, reads, augments, collates in this thread
	Compute    = "compute"
	Transfer   = "transfer"
	Saving     = "saving"
	Logging    = "logging"
	Validation = "validation" // anything inside a validation
	Import     = "import"
	Idle       = "idle"  // a worker without work
	Other      = "other" // sleeps or waits for something that is no loader
)

// Kinds of data work.
const (
	Decode   = "decode"
	Fetch    = "read"
	Augment  = "augment"
	Tokenize = "tokenize"
	Collate  = "collate"
	IPC      = "ipc"    // handing samples between processes
	Python   = "python" // the dataset's own code, and what it calls that leaves no trace
)

// Frame is a function that was found at the top of the stack.
type Frame struct {
	Module   string  `json:"module"`
	Function string  `json:"function"`
	Line     int     `json:"line"` // seen most lately
	Class    string  `json:"class"`
	Weight   float64 `json:"weight"`
}

// FileUse is a directory in which the process had data files open.
type FileUse struct {
	Dir  string `json:"dir"`
	Seen int64  `json:"seen"` // looks at the open files that found one there
}

// Delay is a delay test: in alternating blocks of steps the producers were made
// slower. Slope, Low and High are computed by the reader of the report.
type Delay struct {
	ID     int64   `json:"id"`    // of the order
	State  string  `json:"state"` // "running", "done", or "refused: why"
	Blocks []Block `json:"blocks"`
	// Slope is the change of the step time over the delay added to each step: 1
	// where the data are on the critical path, 0 where there is slack; between
	// Low and High with 95 % confidence. Low > High if unknown.
	Slope float64 `json:"slope"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Block is consecutive steps of a delay test, without those of the change from
// one block to the next.
type Block struct {
	Steps   int     `json:"steps"`
	Delayed bool    `json:"delayed"`
	Added   float64 `json:"added"`   // seconds by which each step's data were delayed
	Seconds float64 `json:"seconds"` // sum over the steps
	Squares float64 `json:"squares"`
}

// Headspace compares steps fed by the pipeline with steps fed from batches kept
// in memory, in a throw-away run.
type Headspace struct {
	State    string  `json:"state"` // "collecting", "replaying", "done"
	Real     Moments `json:"real"`
	Replayed Moments `json:"replayed"`
}
