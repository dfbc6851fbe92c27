"""``napari-ptx stats``: the statistics on any table, one module for each group of commands."""

from __future__ import annotations

import typer

from napari_ptx.cli.stats import agreement, auc, flow, mrmc, planning, recount, sensitivity, table1

app = typer.Typer(
    help="Statistics of any table: agreement, and the comparison of scores and of modalities.",
    no_args_is_help=True,
)
app.command("icc")(agreement.icc_command)
app.command("plan-icc")(planning.plan_icc_command)
app.command("bland-altman")(agreement.bland_altman_command)
app.command("auc")(auc.auc_command)
app.command("mrmc")(mrmc.mrmc_command)
app.command("recount")(recount.recount_command)
app.command("table1")(table1.table1_command)
app.command("compare-sensitivity")(sensitivity.compare_sensitivity_command)
app.command("flow")(flow.flow_command)
