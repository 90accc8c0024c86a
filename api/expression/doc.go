// Package expression is the language of ${{ }}: the expressions of GitHub
// Actions, with typed values, embedded anywhere in a string.
//
// What operators, comparisons, truth and conversions do follows
// docs.github.com/actions "Evaluate expressions in workflows and actions" and, where
// that is silent, the runner's own evaluator (actions/runner, src/Sdk/DTExpressions2:
// EvaluationResult.cs for coercion, LexicalAnalyzer.cs for numbers and precedence). What differs is said where it
// differs; slugify is our own addition.
//
// The parser is written here and not borrowed, as the one that there is (rhysd/actionlint, which
// the tests compare against) folds names to lower case, loses the position
// of a member and gives all comparisons one precedence from the right.
//
// The package refuses to know pipelines, runs and secrets: who evaluates brings the
// values in a Scope, who checks says in an Env what may be referred to.
package expression
