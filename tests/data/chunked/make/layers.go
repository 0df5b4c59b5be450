// layers IN.tar OUT_DIR: writes the layers of this folder with their publishers' own libraries:
// containerd/stargz-snapshotter's estargz and containers/storage's pkg/chunked/compressor.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/containerd/stargz-snapshotter/estargz"
	"github.com/containerd/stargz-snapshotter/estargz/zstdchunked"
	"github.com/containers/storage/pkg/chunked/compressor"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
)

var manifest = map[string]any{}

func main() {
	tar, err := os.ReadFile(os.Args[1])
	check(err)
	out := os.Args[2]

	// Several pieces for a larger file, a member for each.
	estar(tar, filepath.Join(out, "estargz.tar.gz"), estargz.WithChunkSize(32<<10))
	// A landmark, files in another order, and several files in one member (innerOffset).
	estar(tar, filepath.Join(out, "estargz-prefetch.tar.gz"), estargz.WithChunkSize(8<<10),
		estargz.WithPrioritizedFiles([]string{"usr/bin/tool", "etc/hostname"}), estargz.WithMinChunkSize(20000))
	// The footer of stargz, before eStargz.
	estar(tar, filepath.Join(out, "estargz-legacy.tar.gz"), estargz.WithChunkSize(64<<10),
		estargz.WithCompression(&legacy{estargz.NewGzipCompressor(), &estargz.LegacyGzipDecompressor{}}))

	annotations := map[string]string{}
	estarWith(tar, filepath.Join(out, "zstd-stargz.tar.zst"), annotations, estargz.WithChunkSize(32<<10),
		estargz.WithCompression(&chunked{
			zstdchunked.Compressor{CompressionLevel: zstd.SpeedDefault, Metadata: annotations},
			zstdchunked.Decompressor{}}))

	var blob bytes.Buffer
	annotations = map[string]string{}
	w, err := compressor.ZstdCompressor(&blob, annotations, nil)
	check(err)
	_, err = w.Write(tar)
	check(err)
	check(w.Close())
	write(filepath.Join(out, "zstd-storage.tar.zst"), blob.Bytes(), annotations)

	f, err := os.Create(filepath.Join(out, "annotations.json"))
	check(err)
	e := json.NewEncoder(f)
	e.SetIndent("", "  ")
	check(e.Encode(manifest))
}

func estar(tar []byte, path string, opts ...estargz.Option) {
	estarWith(tar, path, map[string]string{}, opts...)
}

func estarWith(tar []byte, path string, annotations map[string]string, opts ...estargz.Option) {
	b, err := estargz.Build(io.NewSectionReader(bytes.NewReader(tar), 0, int64(len(tar))), opts...)
	check(err)
	blob, err := io.ReadAll(b)
	check(err)
	check(b.Close())
	if len(annotations) == 0 {
		annotations[estargz.TOCJSONDigestAnnotation] = b.TOCDigest().String()
		annotations[estargz.StoreUncompressedSizeAnnotation] = fmt.Sprint(len(tar))
	}
	write(path, blob, annotations)
}

func write(path string, blob []byte, annotations map[string]string) {
	manifest[filepath.Base(path)] = map[string]any{
		"digest": digest.FromBytes(blob), "size": len(blob), "annotations": annotations}
	check(os.WriteFile(path, blob, 0o644))
}

type chunked struct {
	zstdchunked.Compressor
	zstdchunked.Decompressor
}

type legacy struct {
	*estargz.GzipCompressor
	*estargz.LegacyGzipDecompressor
}

// As the library writes it, but for the footer, which it reads and no longer writes: an empty
// stored member whose extra field is the offset and the magic, with no subfield around them.
func (l *legacy) WriteTOCAndFooter(w io.Writer, off int64, toc *estargz.JTOC, h hash.Hash) (digest.Digest, error) {
	var b bytes.Buffer
	d, err := l.GzipCompressor.WriteTOCAndFooter(&b, off, toc, h)
	if err != nil {
		return d, err
	}
	b.Truncate(b.Len() - estargz.FooterSize)
	z, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	if err != nil {
		return d, err
	}
	z.Header.Extra = []byte(fmt.Sprintf("%016xSTARGZ", off))
	if err := z.Close(); err != nil {
		return d, err
	}
	_, err = w.Write(b.Bytes())
	return d, err
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
