// Package progress reads progress from what a program prints to its terminal:
// tqdm, Keras, Lightning, Hugging Face, and many more formats, each a line in a
// table; words such as "step 3/10"; and, failing all that, the most frequent line
// with a number that only grows.
//
// A Parser takes raw bytes, split anywhere, and returns events. Its memory is
// bounded whatever the input, and it starts no goroutines. (Package screen keeps
// the lines themselves.)
//
//	p := progress.NewParser(progress.Options{})
//	for _, ev := range p.Feed(time.Now(), buf[:n]) { estimator.Observe(ev) }
//
// Bars often end in neither \r nor \n. Call Idle when nothing came for 50 ms or
// more, so that the last state of such a bar is not held back.
//
// To add a format see the list formats.
package progress
