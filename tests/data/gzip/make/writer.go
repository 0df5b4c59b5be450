// writer IN OUT LEVEL: what Go's compress/gzip makes, as most builders of images use it.
package main

import (
	"compress/gzip"
	"os"
	"strconv"
	"time"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	in, err := os.ReadFile(os.Args[1])
	check(err)
	level, err := strconv.Atoi(os.Args[3])
	check(err)
	out, err := os.Create(os.Args[2])
	check(err)
	w, err := gzip.NewWriterLevel(out, level)
	check(err)
	w.Name, w.Comment, w.Extra = "layer.tar", "made by Go", []byte("LS\x04\x00data")
	w.ModTime = time.Unix(1700000000, 0)
	// In pieces, as io.Copy writes.
	for len(in) > 0 {
		n := 32 * 1024
		if n > len(in) {
			n = len(in)
		}
		_, err = w.Write(in[:n])
		check(err)
		in = in[n:]
	}
	check(w.Close())
	check(out.Close())
}
