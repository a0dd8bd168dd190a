// Prints chats with Go templates, as Ollama does. Reads {"templates": {name: text}, "chats": [[{Role, Content}]]} from
// standard input, writes {name: [text of each chat]}. Run by templates.ts.
package main

import (
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

type message struct{ Role, Content string }

func main() {
	var given struct {
		Templates map[string]string
		Chats     [][]message
	}
	check(json.NewDecoder(os.Stdin).Decode(&given))
	printed := map[string][]string{}
	for name, text := range given.Templates {
		parsed, err := template.New(name).Parse(text)
		check(err)
		for _, chat := range given.Chats {
			var out strings.Builder
			check(parsed.Execute(&out, map[string]any{"Messages": chat}))
			printed[name] = append(printed[name], out.String())
		}
	}
	check(json.NewEncoder(os.Stdout).Encode(printed))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
