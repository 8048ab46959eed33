"""Parts of the EmoPain simulator, from a person's body to a written file.

people -> protocol (activities, gait, behaviours) -> body (kinematics) ->
muscles, raters -> tables -> matfiles. `performance.perform` runs one person
through one recording; `keras_pain.corpora.emopain.simulator` writes corpora.
"""
