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

	// unpackTwo unpacks the blocks of n jobs for two streams and returns twice
	// the number of jobs done, plus one where the first stream is ahead; nil where
	// only unpackBlock is there. It stops at blocks with values of a way of their
	// own and before the end of the data.
	unpackTwo func(a, b *packedStream, jobs *job, n int, tables *[4]unpackTable) int
)
