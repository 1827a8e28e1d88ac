// Package input reads the files that an operator names.
package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Read reads a file of at most so many bytes. It may be a pipe, as of a shell's <(...): a context that
// ends, ends the wait for who writes it, and Read returns the context's error.
func Read(ctx context.Context, path string, most int64) ([]byte, error) {
	var data []byte
	done := make(chan error, 1)
	go func() { // which stays behind if nobody writes
		done <- func() error {
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			data, err = io.ReadAll(io.LimitReader(file, most+1))
			if err == nil && int64(len(data)) > most {
				err = fmt.Errorf("more than %d bytes", most)
			}
			return err
		}()
	}()
	select {
	case err := <-done:
		var failed *fs.PathError
		if errors.As(err, &failed) { // the caller says the path
			err = failed.Err
		}
		return data, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
