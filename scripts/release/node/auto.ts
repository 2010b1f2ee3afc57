#!/usr/bin/env node
/** The program under the name of the Rust tool's second one, which is `auto`. Windows starts no links, so it is a file. */
import "./deno.ts";
import process from "node:process";
import { main } from "../../../src/cli/main.ts";

process.exit(await main(["auto", ...process.argv.slice(2)]));
