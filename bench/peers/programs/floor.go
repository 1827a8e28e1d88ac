// The least that answers over stdio in Go: two system calls a message, replies made beforehand.
package main

import (
	"bytes"
	"os"
)

var replies = map[string]string{
	"OpenSession": `@OPENED@`, "Read": `@READ@`, "CloseSession": "{}",
}

func between(data []byte, before string, ends string) string {
	_, rest, _ := bytes.Cut(data, []byte(before))
	return string(rest[:bytes.IndexAny(rest, ends)])
}

func main() {
	os.Stdout.WriteString("CRONIX-PLUGIN-V1 stdio\n")
	buffer := make([]byte, 65536)
	for {
		size, err := os.Stdin.Read(buffer)
		if err != nil {
			return
		}
		id := between(buffer[:size], `"id":`, ",}")
		reply := replies[between(buffer[:size], `"method":"`, `"`)]
		os.Stdout.WriteString(`{"jsonrpc":"2.0","id":` + id + `,"result":` + reply + "}\n")
	}
}
