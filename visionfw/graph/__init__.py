"""The dictionary language: language/ parses it, checking/ checks it, build compiles it, analysis/ counts, describes and draws it."""
