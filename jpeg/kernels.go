package jpeg

// The kernels in use. See kernels_amd64.go for the choice.
var (
	idctRow = idctRowGeneric
	yccRow  = yccRowGeneric
	greyRow = greyRowGeneric
	upH2V1  = upH2V1Generic
	upH2V2  = upH2V2Generic

	// runOne decodes all jobs of a stream, runThree until one of three streams
	// has none left; nil where only stream.runGeneric is there. They give up on
	// damaged data: see stream.verify.
	runOne   func(s *stream)
	runThree func(a, b, c *stream)

	// unpackStreams unpacks the blocks of count jobs for each of n streams, and
	// returns for how many it did: it stops before a job where a stream is beyond its
	// limit. It is nil where only unpackBlock is there.
	unpackStreams func(streams *packedStream, n int, jobs *job, count int, tables *[4]*unpackTable) int

	// fetchAhead has fetchBytes bytes brought into the cache. It may be nil.
	fetchAhead func(p *byte)
)

const fetchBytes = 512

// kernels names the kernels in use.
var kernels = "generic"

// Kernels names the vector instructions that decoding uses on this processor:
// "AVX-512", "AVX2", or "generic" for none.
func Kernels() string { return kernels }
