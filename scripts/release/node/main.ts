#!/usr/bin/env node
/** The program on Node and Bun. */
import "./deno.ts";
import process from "node:process";
import { main } from "../../../src/cli/main.ts";

process.exit(await main(process.argv.slice(2)));
